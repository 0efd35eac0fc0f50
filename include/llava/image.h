/**
 * @file image.h
 * Pictures: from a file, from memory, from raw pixels or a data URI. An image is decoded once, never changes, and may
 * be used by any number of messages and threads.
 */
#ifndef LLAVA_IMAGE_H
#define LLAVA_IMAGE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A decoded picture. Since 0.1. */
typedef struct llava_image llava_image;

/** Layouts of raw pixels: order of bytes in memory, eight bits each, rows from top to bottom. */
enum {
  LLAVA_PIXELS_GRAY8 = 0,  /**< one byte a pixel */
  LLAVA_PIXELS_RGB24 = 1,  /**< red, green, blue */
  LLAVA_PIXELS_BGR24 = 2,  /**< blue, green, red */
  LLAVA_PIXELS_RGBA32 = 3, /**< red, green, blue, opacity */
  LLAVA_PIXELS_BGRA32 = 4, /**< blue, green, red, opacity */
  LLAVA_PIXELS_ARGB32 = 5, /**< opacity, red, green, blue */
  LLAVA_PIXELS_RGBX32 = 6  /**< red, green, blue, a byte without meaning */
};

/** Where a picture came from. */
enum {
  LLAVA_IMAGE_PIXELS = 0, /**< raw pixels */
  LLAVA_IMAGE_JPEG = 1,   /**< JPEG */
  LLAVA_IMAGE_PNG = 2,    /**< PNG */
  LLAVA_IMAGE_BMP = 3,    /**< BMP */
  LLAVA_IMAGE_GIF = 4,    /**< GIF, first frame */
  LLAVA_IMAGE_WEBP = 5    /**< WebP, where llava_has_feature("webp") */
};

/** How pictures are decoded. Fill with llava_image_options_init(). Since 0.1. */
typedef struct llava_image_options {
  uint32_t struct_size; /**< set by llava_image_options_init() */
  int32_t apply_exif;   /**< 1 (default) turns the picture as its EXIF orientation says; 0 leaves it as stored */
  int64_t max_pixels;   /**< more is LLAVA_ERR_LIMIT before anything is allocated; default 67108864 */
  int64_t max_bytes;    /**< encoded size, likewise; default 67108864 */
  llava_cancel *cancel; /**< looked at once a row; NULL for none */
} llava_image_options;

/** What is known about a picture. Filled by llava_image_info() and llava_image_probe(). Since 0.1. */
typedef struct llava_image_desc {
  uint32_t struct_size; /**< set by the caller */
  int32_t source;       /**< one of the LLAVA_IMAGE_… numbers */
  int32_t width;        /**< pixels, after turning */
  int32_t height;       /**< pixels, after turning */
  int32_t orientation;  /**< EXIF orientation as stored, 1 … 8; 1 when there is none */
  uint32_t reserved;    /**< 0 */
  char sha256[72];      /**< of size and decoded pixels, in hex; "" from llava_image_probe() */
} llava_image_desc;

/**
 * Fills an options struct with defaults.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a size no release had. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_image_options_init(llava_image_options *options, size_t struct_size);

/**
 * Fills an options struct from JSON, an object of field names; what is not named takes its default.
 *
 * @param options      the struct
 * @param struct_size  sizeof *options
 * @param json         for example {"apply_exif": false}
 * @param keep         receives what owns the texts the struct points to, or NULL when there are none; may be NULL
 *                     itself when no field of `json` is a text or list
 * @return LLAVA_OK; LLAVA_ERR_FORMAT with the byte offset; LLAVA_ERR_INVALID_ARGUMENT with the key. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_options_from_json(llava_image_options *options,
                                                                                size_t struct_size, const char *json,
                                                                                llava_buffer **keep);

/**
 * Writes an options struct as JSON. Handles and callbacks have no JSON form.
 *
 * @param options  the struct
 * @param out      receives the text; release with llava_string_free()
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_options_to_json(const llava_image_options *options,
                                                                              llava_string **out);

/**
 * Reads and decodes a picture file: JPEG, PNG, BMP, GIF (first frame), WebP where built in.
 *
 * @param path     the file
 * @param options  NULL for defaults
 * @param out      receives the image; release with llava_image_free()
 * @return LLAVA_OK; NOT_FOUND, IO, FORMAT (damaged or no picture), UNSUPPORTED (a kind not built in), LIMIT, CANCELLED,
 *         TIMEOUT. Known gap: libwebp may tell a WebP as damaged when it ran out of memory. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_from_file(const char *path,
                                                                        const llava_image_options *options,
                                                                        llava_image **out);

/**
 * Decodes a picture file that lies in memory. The bytes are not needed after the call.
 *
 * @param bytes    the file's content
 * @param size     its length; 0 is LLAVA_ERR_INVALID_ARGUMENT
 * @param options  NULL for defaults
 * @param out      receives the image; release with llava_image_free()
 * @return LLAVA_OK; FORMAT, UNSUPPORTED, LIMIT, CANCELLED, TIMEOUT. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_from_memory(const void *bytes, size_t size,
                                                                          const llava_image_options *options,
                                                                          llava_image **out);

/**
 * Decodes a picture from a text such as "data:image/png;base64,…".
 *
 * @param uri      the text; other addresses are LLAVA_ERR_UNSUPPORTED and nothing is fetched
 * @param options  NULL for defaults
 * @param out      receives the image; release with llava_image_free()
 * @return LLAVA_OK; FORMAT, UNSUPPORTED, LIMIT, CANCELLED, TIMEOUT. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_from_data_uri(const char *uri,
                                                                            const llava_image_options *options,
                                                                            llava_image **out);

/**
 * Copies raw pixels into an image.
 *
 * @param pixels  the first byte in memory of the top row
 * @param width   1 … 65535
 * @param height  1 … 65535
 * @param stride  bytes from a row to the one below it; 0 for rows without gaps; negative when rows lie bottom-up
 * @param format  one of the LLAVA_PIXELS_… numbers
 * @param out     receives the image; release with llava_image_free()
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a stride shorter than a row; LIMIT above 67108864 pixels. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_from_pixels(const void *pixels, int32_t width,
                                                                          int32_t height, int64_t stride,
                                                                          int32_t format, llava_image **out);

/**
 * Reads size and kind of a picture file without decoding it.
 *
 * @param bytes  the file's content, or its first part: 64 KiB are nearly always enough
 * @param size   its length
 * @param out    struct_size set; receives the description, with an empty sha256
 * @return LLAVA_OK; FORMAT, UNSUPPORTED. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_probe(const void *bytes, size_t size,
                                                                    llava_image_desc *out);

/**
 * Describes an image.
 *
 * @param image  the image
 * @param out    struct_size set; receives the description
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_info(const llava_image *image, llava_image_desc *out);

/**
 * Copies the decoded pixels out, rows without gaps.
 *
 * @param image     the image
 * @param format    one of the LLAVA_PIXELS_… numbers; opacity is 255
 * @param dst       receives the pixels, or NULL to ask for the size
 * @param capacity  size of `dst` in bytes
 * @param needed    receives the bytes needed
 * @return LLAVA_OK; LLAVA_ERR_BUFFER_TOO_SMALL. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_image_pixels(const llava_image *image, int32_t format,
                                                                     void *dst, size_t capacity, size_t *needed);

/**
 * Adds a reference.
 *
 * @param image  the image
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_image_retain(llava_image *image);

/**
 * Gives a reference back.
 *
 * @param image  an image, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_image_free(llava_image *image);

#ifdef __cplusplus
}
#endif

#endif
