/* Preloaded into `llava`: Ctrl-C at an exact place of an answer, which no terminal could promise.
 *
 *   LLAVA_INTERRUPT_AT   SIGINT comes when the write to standard output with this number, from 1, is done
 *
 * An answer is written token by token, so the third write of a program that asks at once is the third token.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t write(int file, const void* data, size_t size) {
  static long count = 0;
  const char* at = getenv("LLAVA_INTERRUPT_AT");
  const ssize_t written = ((__typeof__(&write))dlsym(RTLD_NEXT, "write"))(file, data, size);
  if (at && file == STDOUT_FILENO && ++count == atol(at)) raise(SIGINT);
  return written;
}
