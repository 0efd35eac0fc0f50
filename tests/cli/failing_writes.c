/* Preloaded into `llava train`: one of the calls that change what lies below a folder fails, as on a disk that is full or
 * broken. Which calls there are depends on the run alone, so failing the first, the second and so on tries every place.
 *
 *   LLAVA_FAULT_BELOW   the folder; without it nothing fails
 *   LLAVA_FAULT_CALL    the number of the call that fails, from 1; 0: none
 *   LLAVA_FAULT_FROM    set: that one and all after it that need room (not close and rename)
 *   LLAVA_FAULT_ERRNO   what it says, 28 (ENOSPC) unless told
 *   LLAVA_FAULT_LOG     a line for every call: its number, its name, the path
 *
 * A close that fails has closed, a write that fails has written nothing: as the kernel does it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long count;

static int is_below(const char *path) {
  const char *folder = getenv("LLAVA_FAULT_BELOW");
  return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static const char *path_of(int descriptor, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, size - 1);
  path[length > 0 ? length : 0] = '\0';
  return path;
}

static long number_in(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

/* Whether this call is to fail; errno is set then. */
static int fails(const char *call, const char *path, int needs_room) {
  const int before = errno;
  if (!is_below(path)) return 0;
  pthread_mutex_lock(&mutex);
  const long number = ++count, which = number_in("LLAVA_FAULT_CALL", 0);
  const char *log = getenv("LLAVA_FAULT_LOG");
  if (log) {
    char line[4400];
    const int length = snprintf(line, sizeof line, "%ld %s %s\n", number, call, path);
    const int file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (file >= 0) {
      syscall(SYS_write, file, line, (size_t)length);
      syscall(SYS_close, file);
    }
  }
  pthread_mutex_unlock(&mutex);
  errno = before;
  if (which == 0 || (number != which && !(getenv("LLAVA_FAULT_FROM") && number > which && needs_room))) return 0;
  errno = (int)number_in("LLAVA_FAULT_ERRNO", ENOSPC);
  return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *data, size_t size) {
  char path[4096];
  if (fails("write", path_of(file, path, sizeof path), 1)) return -1;
  return NEXT(write)(file, data, size);
}

int fsync(int file) {
  char path[4096];
  if (fails("fsync", path_of(file, path, sizeof path), 1)) return -1;
  return NEXT(fsync)(file);
}

static int is_written(int file) {
  const int flags = fcntl(file, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

int close(int file) {
  char path[4096];
  const int before = errno;
  const int failed = is_written(file) && fails("close", path_of(file, path, sizeof path), 0);
  const int why = failed ? errno : before;
  errno = before;
  const int done = NEXT(close)(file);
  if (!failed) return done;
  errno = why;
  return -1;
}

int ftruncate(int file, off_t size) {
  char path[4096];
  if (fails("ftruncate", path_of(file, path, sizeof path), 0)) return -1;
  return NEXT(ftruncate)(file, size);
}

int rename(const char *from, const char *to) {
  return fails("rename", to, 0) ? -1 : NEXT(rename)(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  return fails("renameat2", to, 0) ? -1 : NEXT(renameat2)(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode) { return fails("mkdir", path, 1) ? -1 : NEXT(mkdir)(path, mode); }

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
  va_end(more);
  if ((flags & O_CREAT) && fails("open", path, 1)) return -1;
  return NEXT(open)(path, flags, mode);
}
