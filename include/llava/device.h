/**
 * @file device.h
 * Where models run: the CPU is device 0, CUDA cards follow as 1, 2, … In texts they are "cpu", "cuda:0", "cuda:1", …
 */
#ifndef LLAVA_DEVICE_H
#define LLAVA_DEVICE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Kinds of devices. */
enum {
  LLAVA_DEVICE_CPU = 0, /**< the host */
  LLAVA_DEVICE_CUDA = 1 /**< an NVIDIA card */
};

/** What a device is. Filled by llava_device_info(). Since 0.1. */
typedef struct llava_device_desc {
  uint32_t struct_size; /**< set by the caller */
  int32_t kind;         /**< LLAVA_DEVICE_CPU or LLAVA_DEVICE_CUDA */
  int32_t threads;      /**< CPU: threads one operation computes with; else 0 */
  uint32_t reserved;    /**< 0 */
  int64_t total_bytes;  /**< memory of the device */
  int64_t free_bytes;   /**< memory that can be had now */
  char id[16];          /**< "cpu", "cuda:0", …, NUL-terminated */
  char name[128];       /**< as the maker names it, NUL-terminated */
} llava_device_desc;

/** How memory stands. Filled by llava_device_memory(). Since 0.1. */
typedef struct llava_device_usage {
  uint32_t struct_size; /**< set by the caller */
  uint32_t reserved;    /**< 0 */
  int64_t used_bytes;   /**< CPU: resident memory of this process; CUDA: in use by tensors */
  int64_t cached_bytes; /**< held by the allocator, not in use; CPU 0 */
  int64_t peak_bytes;   /**< highest used_bytes so far */
  int64_t free_bytes;   /**< what the system could still give */
} llava_device_usage;

/**
 * The number of devices, the CPU included.
 *
 * @return at least 1. Since 0.1.
 */
LLAVA_API int32_t LLAVA_CALL llava_device_count(void);

/**
 * Describes a device.
 *
 * @param device  0 … llava_device_count() - 1
 * @param out     struct_size set; receives the description
 * @return LLAVA_OK; LLAVA_ERR_DEVICE. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_device_info(int32_t device, llava_device_desc *out);

/**
 * Turns "cpu", "cuda" or "cuda:1" into a device number; "auto" is the first card, else the CPU.
 *
 * @param text  the name
 * @param out   receives the number
 * @return LLAVA_OK; LLAVA_ERR_INVALID_ARGUMENT for a text of another form; LLAVA_ERR_UNSUPPORTED when this build has no
 *         CUDA; LLAVA_ERR_NOT_FOUND for a card that is not there. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_device_parse(const char *text, int32_t *out);

/**
 * Tells how memory stands on a device.
 *
 * @param device  0 … llava_device_count() - 1
 * @param out     struct_size set; receives the numbers
 * @return LLAVA_OK; LLAVA_ERR_DEVICE; LLAVA_ERR_IO when the system does not tell. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_device_memory(int32_t device, llava_device_usage *out);

/**
 * Measures how fast the CPU reads memory, with as many threads as one operation has: what the speed of decoding is
 * measured against, since each token reads every weight. Takes about a second and 1 GiB.
 *
 * @param device            0, the CPU
 * @param bytes_per_second  receives the median of five read-only passes
 * @return LLAVA_OK; LLAVA_ERR_UNSUPPORTED for a card; LLAVA_ERR_BUSY while the number of threads is being changed.
 *         Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_device_bandwidth(int32_t device, double *bytes_per_second);

/**
 * Gives memory that is held but not in use back to the system.
 *
 * @param device  0 … llava_device_count() - 1, or -1 for all
 * @return LLAVA_OK; LLAVA_ERR_DEVICE. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_trim(int32_t device);

/**
 * Sets how many threads compute one operation, for the whole process (LibTorch's own setting, which the host may
 * share). The library leaves it alone unless this is called.
 *
 * @param threads  1 … 1024
 * @return LLAVA_OK; LLAVA_ERR_BUSY while an operation runs. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_set_threads(int32_t threads);

#ifdef __cplusplus
}
#endif

#endif
