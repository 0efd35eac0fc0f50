/**
 * @file tensor.h
 * Numbers with a shape: pixels, features, logits, hidden states. A tensor never changes.
 */
#ifndef LLAVA_TENSOR_H
#define LLAVA_TENSOR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Numbers with a shape, in C order. Since 0.1. */
typedef struct llava_tensor llava_tensor;

/** Kinds of numbers. */
enum {
  LLAVA_DTYPE_AUTO = 0, /**< only in options: as the checkpoint and the device like it */
  LLAVA_DTYPE_F32 = 1,  /**< IEEE single */
  LLAVA_DTYPE_F16 = 2,  /**< IEEE half */
  LLAVA_DTYPE_BF16 = 3  /**< bfloat16 */
};

/** What a tensor is. Filled by llava_tensor_info(). Since 0.1. */
typedef struct llava_tensor_desc {
  uint32_t struct_size;  /**< set by the caller */
  int32_t dtype;         /**< one of the LLAVA_DTYPE_… numbers */
  int32_t device;        /**< device number (device.h) */
  int32_t rank;          /**< number of dimensions, at most 8 */
  int64_t shape[8];      /**< the first `rank` entries hold; the others are 0 */
  int64_t element_count; /**< product of the shape */
  int64_t size_bytes;    /**< what llava_tensor_copy_to_host() writes */
} llava_tensor_desc;

/**
 * Describes a tensor.
 *
 * @param tensor  the tensor
 * @param out     struct_size set; receives the description
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_tensor_info(const llava_tensor *tensor, llava_tensor_desc *out);

/**
 * Copies the numbers to the caller's memory, in C order and the tensor's own dtype.
 *
 * @param tensor    the tensor
 * @param dst       receives the numbers, or NULL to ask for the size
 * @param capacity  size of `dst` in bytes
 * @param needed    receives the bytes needed
 * @return LLAVA_OK; BUFFER_TOO_SMALL, DEVICE. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_tensor_copy_to_host(const llava_tensor *tensor, void *dst,
                                                                            size_t capacity, size_t *needed);

/**
 * The numbers themselves, in C order, without a copy. They must not be written to: a picture that was encoded, or a
 * session, may hold the same memory.
 *
 * @param tensor  the tensor
 * @param data    receives where the numbers lie; valid as long as the tensor
 * @return LLAVA_OK; UNSUPPORTED for a tensor on a card (llava_tensor_copy_to_host() serves it). Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_tensor_data(const llava_tensor *tensor, const void **data);

/**
 * Makes a tensor on the CPU from the caller's numbers, which are copied.
 *
 * @param data   numbers in C order
 * @param dtype  LLAVA_DTYPE_F32, _F16 or _BF16
 * @param shape  `rank` sizes, each at least 1
 * @param rank   1 … 8
 * @param out    receives the tensor; release with llava_tensor_free()
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT also when the sizes' product overflows. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_tensor_from_host(const void *data, int32_t dtype,
                                                                         const int64_t *shape, int32_t rank,
                                                                         llava_tensor **out);

/**
 * Adds a reference.
 *
 * @param tensor  the tensor
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_tensor_retain(llava_tensor *tensor);

/**
 * Gives a reference back.
 *
 * @param tensor  a tensor, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_tensor_free(llava_tensor *tensor);

#ifdef __cplusplus
}
#endif

#endif
