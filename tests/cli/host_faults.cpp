// An LD_PRELOAD library that stands for a host that refuses: the tests of the program set its environment.
//
//   COUNTEM_FAIL=CALL:ERRNO[:N]  CALL fails from its N-th time on (0), memory:ERRNO:N once
//   COUNTEM_SLOW=CALL:MS         CALL waits before it is done
//   COUNTEM_PATH=TEXT            only files whose path holds TEXT
//   COUNTEM_FREE=BYTES           so much is free on every file system
//
// CALL: read, flock, thread, memory.
#include <dlfcn.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
}

namespace {

struct order {
  char call[16] = "";
  long number = 0;  ///< errno, or milliseconds
  long from = 0;
};

order parsed(const char* variable) {
  order made;
  if (const char* const text = std::getenv(variable)) std::sscanf(text, "%15[^:]:%ld:%ld", made.call, &made.number, &made.from);
  return made;
}

order fail;
order slow;
const char* path_part = nullptr;
std::atomic<bool> ready{false};
std::atomic<long> calls{0};

[[gnu::constructor]] void read_orders() {
  fail = parsed("COUNTEM_FAIL");
  slow = parsed("COUNTEM_SLOW");
  path_part = std::getenv("COUNTEM_PATH");
  ready = true;
}

bool is_meant(int descriptor) {
  if (path_part == nullptr) return descriptor > STDERR_FILENO;
  char link[64];
  char target[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = ::readlink(link, target, sizeof target - 1);
  if (length < 0) return false;
  target[length] = '\0';
  return std::strstr(target, path_part) != nullptr;
}

/// True: errno is set, and the call is to fail.
bool fails(const char* call) {
  if (!ready || std::strcmp(fail.call, call) != 0) return false;
  const long now = calls++;
  if (std::strcmp(call, "memory") == 0 ? now != fail.from : now < fail.from) return false;
  errno = static_cast<int>(fail.number);
  return true;
}

/// As fails(), for a call on a file.
bool refuse(const char* call, int descriptor) {
  if (std::strcmp(slow.call, call) == 0 && is_meant(descriptor)) {
    const timespec moment{slow.number / 1000, slow.number % 1000 * 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return std::strcmp(fail.call, call) == 0 && is_meant(descriptor) && fails(call);
}

template <class Function>
Function next_of(Function, const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t read(int descriptor, void* to, size_t bytes) {
  return refuse("read", descriptor) ? -1 : ::syscall(SYS_read, descriptor, to, bytes);
}
ssize_t pread(int descriptor, void* to, size_t bytes, off_t offset) {
  return refuse("read", descriptor) ? -1 : ::syscall(SYS_pread64, descriptor, to, bytes, offset);
}
ssize_t pread64(int descriptor, void* to, size_t bytes, off_t offset) {
  return pread(descriptor, to, bytes, offset);
}
int flock(int descriptor, int operation) noexcept {
  return refuse("flock", descriptor) ? -1 : static_cast<int>(::syscall(SYS_flock, descriptor, operation));
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) noexcept {
  static const auto real = next_of(&pthread_create, "pthread_create");
  return fails("thread") ? static_cast<int>(fail.number) : real(thread, attributes, run, argument);
}
int statvfs(const char* path, struct statvfs* facts) noexcept {
  static const auto real = next_of(&statvfs, "statvfs");
  const int result = real(path, facts);
  if (const char* const bytes = std::getenv("COUNTEM_FREE"); bytes != nullptr && result == 0)
    facts->f_bfree = facts->f_bavail = std::strtoull(bytes, nullptr, 10) / facts->f_frsize;
  return result;
}
void* malloc(size_t bytes) {
  return fails("memory") ? nullptr : __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  return fails("memory") ? nullptr : __libc_calloc(count, bytes);
}
void* realloc(void* block, size_t bytes) {
  return fails("memory") ? nullptr : __libc_realloc(block, bytes);
}
}
