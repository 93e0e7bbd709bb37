// In every file that scripts/host_mutants.py rewrote: whether mutant `id` is awake. COUNTEM_MUTANT names the one that is;
// COUNTEM_MUTANTS_REACHED names a file, shared by all processes, in which byte `id` becomes 1 where a mutant is reached.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <type_traits>

#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wparentheses"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-value"
#pragma GCC diagnostic ignored "-Wbool-compare"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wduplicated-branches"
#pragma GCC diagnostic ignored "-Warray-bounds"
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#pragma GCC diagnostic ignored "-Wstringop-overread"
#pragma GCC diagnostic ignored "-Wnonnull"
#pragma GCC diagnostic ignored "-Wdiv-by-zero"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Waggressive-loop-optimizations"
#pragma GCC diagnostic ignored "-Wfree-nonheap-object"
#pragma GCC diagnostic ignored "-Wuse-after-free"
#pragma GCC diagnostic ignored "-Wnull-dereference"
#pragma GCC diagnostic ignored "-Wsubobject-linkage"

namespace countem_mutants {

inline constexpr int most = 1 << 16;
inline constexpr int recording = -1;

struct state {
  int awake = 0;
  unsigned char* reached = nullptr;

  state() {
    if (const char* id = std::getenv("COUNTEM_MUTANT")) awake = std::atoi(id);
    const char* path = std::getenv("COUNTEM_MUTANTS_REACHED");
    if (path == nullptr) return;
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    // A test that limits the size of files has a file of its full size already.
    struct stat facts {};
    if (file < 0 || fstat(file, &facts) != 0 || (facts.st_size < most && ftruncate(file, most) != 0)) std::abort();
    void* map = mmap(nullptr, most, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map == MAP_FAILED) std::abort();
    reached = static_cast<unsigned char*>(map);
    awake = recording;
  }
};
inline state now;

inline bool is_awake(int id) {
  if (now.awake == id) return true;
  if (now.awake == recording && now.reached != nullptr) __atomic_store_n(&now.reached[id], 1, __ATOMIC_RELAXED);
  return false;
}

}  // namespace countem_mutants

constexpr bool countem_mutant(int id) {
  if (std::is_constant_evaluated()) return false;
  return countem_mutants::is_awake(id);
}
