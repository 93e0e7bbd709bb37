/* The functions of the system that fault_choice.c lets fail. System calls are made directly, so that what glibc does inside of
 * a replaced function is not counted twice. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

/* -- reading and writing ---------------------------------------------------------------------------------------------- */

ssize_t read(int d, void* to, size_t n) {
  REPLACE(ssize_t, -1, kind_read, concerns_descriptor(d), syscall(SYS_read, d, to, BYTES(n)));
}
ssize_t write(int d, const void* from, size_t n) {
  REPLACE(ssize_t, -1, kind_write, concerns_descriptor(d), (mark(d, 1), syscall(SYS_write, d, from, BYTES(n))));
}

#define POSITIONED(name, pointer, number, kind)                                                    \
  ssize_t name(int d, pointer at, size_t n, off_t offset) {                                        \
    if (kind == kind_pwrite) mark(d, 1);                                                           \
    REPLACE(ssize_t, -1, kind, concerns_descriptor(d), syscall(number, d, at, BYTES(n), offset));  \
  }
POSITIONED(pread, void*, SYS_pread64, kind_pread)
POSITIONED(pwrite, const void*, SYS_pwrite64, kind_pwrite)
ALSO(pread64, pread);
ALSO(pwrite64, pwrite);

/* The first half of the bytes that the pieces name, in as many pieces of `to`; returns how many pieces. */
static int half_of(const struct iovec* pieces, int count, struct iovec* to) {
  size_t left = 0;
  for (int i = 0; i < count; ++i) left += pieces[i].iov_len;
  left = left > 1 ? left / 2 : left;
  int used = 0;
  for (; used < count && left > 0; ++used) {
    to[used] = pieces[used];
    if (to[used].iov_len > left) to[used].iov_len = left;
    left -= to[used].iov_len;
  }
  return used;
}

static long transfer(long number, enum kind kind, int d, const struct iovec* pieces, int count, off_t offset, int flags) {
  if (kind == kind_write || kind == kind_pwrite) mark(d, 1);
  const enum fate fate = concerns_descriptor(d) ? decide(kind) : fate_pass;
  if (fate == fate_refuse) { errno = refusal; return -1; }
  struct iovec half[1024];
  if (fate == fate_short && count > 0 && count <= 1024) {
    count = half_of(pieces, count, half);
    pieces = half;
  }
  const long result = syscall(number, d, pieces, count, offset, 0L, flags);
  if (fate == fate_kill_after) die();
  return result;
}

ssize_t readv(int d, const struct iovec* p, int n) { return transfer(SYS_readv, kind_read, d, p, n, 0, 0); }
ssize_t writev(int d, const struct iovec* p, int n) { return transfer(SYS_writev, kind_write, d, p, n, 0, 0); }
ssize_t preadv(int d, const struct iovec* p, int n, off_t o) { return transfer(SYS_preadv, kind_pread, d, p, n, o, 0); }
ssize_t pwritev(int d, const struct iovec* p, int n, off_t o) { return transfer(SYS_pwritev, kind_pwrite, d, p, n, o, 0); }
ssize_t preadv2(int d, const struct iovec* p, int n, off_t o, int f) { return transfer(SYS_preadv2, kind_pread, d, p, n, o, f); }
ssize_t pwritev2(int d, const struct iovec* p, int n, off_t o, int f) { return transfer(SYS_pwritev2, kind_pwrite, d, p, n, o, f); }
ALSO(preadv64, preadv);
ALSO(pwritev64, pwritev);
ALSO(preadv64v2, preadv2);
ALSO(pwritev64v2, pwritev2);

/* -- descriptors ------------------------------------------------------------------------------------------------------ */

static int sync_by(long number, int d) {
  const int result = (int)syscall(number, d);
  if (result == 0) mark(d, 0);
  return result;
}
int fsync(int d) { REPLACE(int, -1, kind_fsync, concerns_descriptor(d), sync_by(SYS_fsync, d)); }
int fdatasync(int d) { REPLACE(int, -1, kind_fsync, concerns_descriptor(d), sync_by(SYS_fdatasync, d)); }
int ftruncate(int d, off_t n) {
  REPLACE(int, -1, kind_ftruncate, concerns_descriptor(d), (mark(d, 1), syscall(SYS_ftruncate, d, n)));
}
int truncate(const char* p, off_t n) { REPLACE(int, -1, kind_ftruncate, concerns_path(p), syscall(SYS_truncate, p, n)); }
ALSO(ftruncate64, ftruncate);
ALSO(truncate64, truncate);
int fallocate(int d, int mode, off_t o, off_t n) {
  REPLACE(int, -1, kind_fallocate, concerns_descriptor(d), syscall(SYS_fallocate, d, mode, o, n));
}
ALSO(fallocate64, fallocate);
int posix_fallocate(int d, off_t o, off_t n) {
  const enum fate fate = concerns_descriptor(d) ? decide(kind_fallocate) : fate_pass;
  if (fate == fate_refuse) return refusal;
  return syscall(SYS_fallocate, d, 0, o, n) == 0 ? 0 : errno;
}
int flock(int d, int operation) { REPLACE(int, -1, kind_lock, concerns_descriptor(d), syscall(SYS_flock, d, operation)); }

/* The descriptor is closed even where the call reports a failure, as Linux does. */
int close(int d) {
  const enum fate fate = concerns_descriptor(d) ? decide(kind_close) : fate_pass;
  const int result = (int)syscall(SYS_close, d);
  if (fate == fate_kill_after) die();
  if (fate == fate_refuse) { errno = refusal; return -1; }
  return result;
}

static int is_lock(int command) {
  return command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW ||
         command == F_OFD_GETLK;
}
int fcntl(int d, int command, ...) {
  va_list more;
  va_start(more, command);
  void* const argument = va_arg(more, void*);
  va_end(more);
  REPLACE(int, -1, kind_lock, is_lock(command) && concerns_descriptor(d), syscall(SYS_fcntl, d, command, argument));
}
ALSO(fcntl64, fcntl);

void* mmap(void* at, size_t n, int protection, int flags, int d, off_t offset) {
  const int of_file = (flags & MAP_ANONYMOUS) == 0;
  REPLACE(void*, MAP_FAILED, of_file ? kind_mmap : kind_memory, of_file ? concerns_descriptor(d) : 1,
          syscall(SYS_mmap, at, n, protection, flags, d, offset));
}
ALSO(mmap64, mmap);

/* -- names ------------------------------------------------------------------------------------------------------------ */

static int open_at(int directory, const char* path, int flags, mode_t mode) {
  REPLACE(int, -1, kind_open, concerns_path_at(directory, path), syscall(SYS_openat, directory, path, flags, mode));
}
#define MODE_ARGUMENT                                \
  mode_t mode = 0;                                   \
  if ((flags & (O_CREAT | O_TMPFILE)) != 0) {        \
    va_list more;                                    \
    va_start(more, flags);                           \
    mode = (mode_t)va_arg(more, int);                \
    va_end(more);                                    \
  }
int open(const char* p, int flags, ...) { MODE_ARGUMENT return open_at(AT_FDCWD, p, flags, mode); }
int openat(int at, const char* p, int flags, ...) { MODE_ARGUMENT return open_at(at, p, flags, mode); }
ALSO(open64, open);
ALSO(openat64, openat);
int creat(const char* p, mode_t mode) { return open_at(AT_FDCWD, p, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int __open_2(const char* p, int flags) { return open_at(AT_FDCWD, p, flags, 0); }
int __openat_2(int at, const char* p, int flags) { return open_at(at, p, flags, 0); }
ALSO(__open64_2, __open_2);
ALSO(__openat64_2, __openat_2);

/* Marks what a successful call has named; only names that do not start at an open folder. */
static long named(long result, int at, const char* path) {
  if (result == 0 && (at == AT_FDCWD || path[0] == '/')) mark_name(path);
  return result;
}
static int rename_at(int from_at, const char* from, int to_at, const char* to, unsigned flags) {
  REPLACE(int, -1, kind_rename, concerns_path_at(from_at, from) || concerns_path_at(to_at, to),
          named(syscall(SYS_renameat2, from_at, from, to_at, to, flags), to_at, to));
}
int rename(const char* from, const char* to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char* from, int b, const char* to) { return rename_at(a, from, b, to, 0); }
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) { return rename_at(a, from, b, to, flags); }
static int link_at(int from_at, const char* from, int to_at, const char* to, int flags) {
  REPLACE(int, -1, kind_rename, concerns_path_at(to_at, to), named(syscall(SYS_linkat, from_at, from, to_at, to, flags), to_at, to));
}
int link(const char* from, const char* to) { return link_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char* from, int b, const char* to, int flags) { return link_at(a, from, b, to, flags); }

static int unlink_at(int at, const char* path, int flags) {
  REPLACE(int, -1, kind_unlink, concerns_path_at(at, path), syscall(SYS_unlinkat, at, path, flags));
}
int unlink(const char* p) { return unlink_at(AT_FDCWD, p, 0); }
int rmdir(const char* p) { return unlink_at(AT_FDCWD, p, AT_REMOVEDIR); }
int unlinkat(int at, const char* p, int flags) { return unlink_at(at, p, flags); }
int remove(const char* p) {
  const int result = unlink_at(AT_FDCWD, p, 0);
  return result != 0 && errno == EISDIR ? unlink_at(AT_FDCWD, p, AT_REMOVEDIR) : result;
}
int mkdir(const char* p, mode_t mode) {
  REPLACE(int, -1, kind_mkdir, concerns_path(p), named(syscall(SYS_mkdirat, AT_FDCWD, p, mode), AT_FDCWD, p));
}
int mkdirat(int at, const char* p, mode_t mode) {
  REPLACE(int, -1, kind_mkdir, concerns_path_at(at, p), syscall(SYS_mkdirat, at, p, mode));
}

static int stat_at(int at, const char* path, void* to, int flags) {
  REPLACE(int, -1, kind_stat, concerns_path_at(at, path), syscall(SYS_newfstatat, at, path, to, flags));
}
int stat(const char* p, struct stat* to) { return stat_at(AT_FDCWD, p, to, 0); }
int lstat(const char* p, struct stat* to) { return stat_at(AT_FDCWD, p, to, AT_SYMLINK_NOFOLLOW); }
int fstat(int d, struct stat* to) { return stat_at(d, "", to, AT_EMPTY_PATH); }
int fstatat(int at, const char* p, struct stat* to, int flags) { return stat_at(at, p, to, flags); }
ALSO(stat64, stat);
ALSO(lstat64, lstat);
ALSO(fstat64, fstat);
ALSO(fstatat64, fstatat);
int statx(int at, const char* p, int flags, unsigned mask, struct statx* to) {
  REPLACE(int, -1, kind_stat, concerns_path_at(at, p), syscall(SYS_statx, at, p, flags, mask, to));
}

int access(const char* p, int mode) { REPLACE(int, -1, kind_access, concerns_path(p), syscall(SYS_faccessat, AT_FDCWD, p, mode)); }
int fchmod(int d, mode_t mode) { REPLACE(int, -1, kind_attributes, concerns_descriptor(d), syscall(SYS_fchmod, d, mode)); }
int fchown(int d, uid_t user, gid_t group) {
  REPLACE(int, -1, kind_attributes, concerns_descriptor(d), syscall(SYS_fchown, d, user, group));
}
ssize_t readlink(const char* p, char* to, size_t n) {
  REPLACE(ssize_t, -1, kind_readlink, concerns_path(p), syscall(SYS_readlinkat, AT_FDCWD, p, to, n));
}

/* -- what glibc does by itself: the next definition of the same name ---------------------------------------------------- */

#define NEXT(name) static __typeof__(&name) next; if (next == NULL) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int faccessat(int at, const char* p, int mode, int flags) {
  NEXT(faccessat);
  REPLACE(int, -1, kind_access, concerns_path_at(at, p), next(at, p, mode, flags));
}
char* realpath(const char* p, char* to) { NEXT(realpath); REPLACE(char*, NULL, kind_readlink, concerns_path(p), next(p, to)); }
DIR* opendir(const char* p) { NEXT(opendir); REPLACE(DIR*, NULL, kind_open, concerns_path(p), next(p)); }
DIR* fdopendir(int d) { NEXT(fdopendir); REPLACE(DIR*, NULL, kind_open, concerns_descriptor(d), next(d)); }
struct dirent* readdir(DIR* d) { NEXT(readdir); REPLACE(struct dirent*, NULL, kind_read, concerns_descriptor(dirfd(d)), next(d)); }
ALSO(readdir64, readdir);
FILE* fopen(const char* p, const char* mode) { NEXT(fopen); REPLACE(FILE*, NULL, kind_open, concerns_path(p), next(p, mode)); }
ALSO(fopen64, fopen);
/* Whether a stream's transfer fails; then ferror() shows it. */
static enum fate stream_fate(enum kind kind, FILE* f) {
  const enum fate fate = concerns_descriptor(fileno(f)) ? decide(kind) : fate_pass;
  if (fate != fate_refuse) return fate;
  f->_flags |= _IO_ERR_SEEN;
  errno = refusal;
  return fate;
}
size_t fread(void* to, size_t size, size_t n, FILE* f) {
  NEXT(fread);
  return stream_fate(kind_read, f) == fate_refuse ? 0 : next(to, size, n, f);
}
size_t fwrite(const void* from, size_t size, size_t n, FILE* f) {
  NEXT(fwrite);
  mark(fileno(f), 1);
  return stream_fate(kind_write, f) == fate_refuse ? 0 : next(from, size, n, f);
}
int fclose(FILE* f) {
  NEXT(fclose);
  const enum fate fate = concerns_descriptor(fileno(f)) ? decide(kind_close) : fate_pass;
  const int result = next(f);
  if (fate == fate_kill_after) die();
  if (fate == fate_refuse) { errno = refusal; return EOF; }
  return result;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  NEXT(pthread_create);
  if (decide(kind_thread) == fate_refuse) return refusal;
  return next(thread, attributes, start, argument);
}

/* -- memory ----------------------------------------------------------------------------------------------------------- */

void* malloc(size_t n) { REPLACE(void*, NULL, kind_memory, 1, __libc_malloc(n)); }
void* calloc(size_t n, size_t size) { REPLACE(void*, NULL, kind_memory, 1, __libc_calloc(n, size)); }
void* realloc(void* p, size_t n) { REPLACE(void*, NULL, kind_memory, 1, __libc_realloc(p, n)); }
void* memalign(size_t alignment, size_t n) { REPLACE(void*, NULL, kind_memory, 1, __libc_memalign(alignment, n)); }
void* aligned_alloc(size_t alignment, size_t n) { REPLACE(void*, NULL, kind_memory, 1, __libc_memalign(alignment, n)); }
int posix_memalign(void** to, size_t alignment, size_t n) {
  if (decide(kind_memory) == fate_refuse) return ENOMEM;
  *to = __libc_memalign(alignment, n);
  return *to == NULL ? ENOMEM : 0;
}

/* -- the clock and main() --------------------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec* to) {
  const int result = (int)syscall(SYS_clock_gettime, clock, to);
  if (frozen_clock != 0 && clock == CLOCK_REALTIME) *to = (struct timespec){.tv_sec = frozen_clock};
  return result;
}
int gettimeofday(struct timeval* to, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *to = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}
time_t time(time_t* to) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (to != NULL) *to = now.tv_sec;
  return now.tv_sec;
}

static int (*program_main)(int, char**, char**);
static int counted_main(int count, char** arguments, char** environment) {
  in_main = 1;
  return program_main(count, arguments, environment);
}
typedef int start_function(int (*)(int, char**, char**), int, char**, void (*)(void), void (*)(void), void (*)(void), void*);
int __libc_start_main(int (*main)(int, char**, char**), int count, char** arguments, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void* stack_end) {
  start_function* const next = (start_function*)dlsym(RTLD_NEXT, "__libc_start_main");
  program_main = main;
  return next(counted_main, count, arguments, init, fini, rtld_fini, stack_end);
}
