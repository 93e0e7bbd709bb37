#include "io/files/mapped_range.hpp"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

namespace countem::io {

/// Pages that the signal handler looks after.
struct mapped_range::watched {
  std::atomic<bool> taken{false};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};  ///< 0: none
  std::atomic<bool> damaged{false};
};

namespace {

// What a signal handler may read: no locks, and nothing that moves.
std::array<mapped_range::watched, 1024> all_watched;
struct sigaction earlier_action;
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

std::uintptr_t page_bytes() {
  static const auto bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

/// Puts a page of zeros where `address` lies; false when that is in no watched range. A slot that another thread is changing
/// may seem to hold the address, too: all that do are marked, the right one is among them.
bool give_zeros(std::uintptr_t address) {
  bool watched = false;
  for (mapped_range::watched& range : all_watched) {
    if (address >= range.end.load(std::memory_order_acquire) || address < range.begin.load(std::memory_order_acquire)) continue;
    range.damaged.store(true, std::memory_order_release);
    watched = true;
  }
  if (!watched) return false;
  void* const page = reinterpret_cast<void*>(address / page_bytes() * page_bytes());
  return ::mmap(page, page_bytes(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int error_before = errno;
  const bool by_an_access = info->si_code > 0;
  const bool ours = by_an_access && give_zeros(reinterpret_cast<std::uintptr_t>(info->si_addr));
  errno = error_before;
  if (ours) return;
  if ((earlier_action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) ::signal(SIGBUS, SIG_DFL);  // it was to be called once
  if ((earlier_action.sa_flags & SA_SIGINFO) != 0) {
    earlier_action.sa_sigaction(signal, info, context);
  } else if (earlier_action.sa_handler != SIG_DFL && earlier_action.sa_handler != SIG_IGN) {
    earlier_action.sa_handler(signal);
  } else if (by_an_access || earlier_action.sa_handler == SIG_DFL) {
    // As if we had never been there: the access is repeated, or the signal sent again, and then ends the process.
    ::sigaction(signal, &earlier_action, nullptr);
    if (!by_an_access) static_cast<void>(::raise(signal));
  }
}

bool watch_for_bus_errors() {
  static const bool installed = [] {
    page_bytes();  // not for the first time in the handler
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &earlier_action) == 0;
  }();
  return installed;
}

mapped_range::watched* take_watched() {
  for (mapped_range::watched& range : all_watched) {
    if (!range.taken.exchange(true, std::memory_order_acquire)) return &range;
  }
  return nullptr;
}

}  // namespace

mapped_range mapped_range::map(const file_handle& file, std::uint64_t offset, std::size_t bytes) {
  watched* const range = watch_for_bus_errors() ? take_watched() : nullptr;
  if (range == nullptr) return {};
  const std::size_t before = offset % page_bytes();
  void* const pages =
      ::mmap(nullptr, before + bytes, PROT_READ, MAP_SHARED, file.descriptor(), static_cast<off_t>(offset - before));
  if (pages == MAP_FAILED) {
    range->taken.store(false, std::memory_order_release);
    return {};
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(pages);
  range->damaged.store(false, std::memory_order_relaxed);
  range->begin.store(begin, std::memory_order_relaxed);
  range->end.store(begin + before + bytes, std::memory_order_release);
  return {range, static_cast<const std::byte*>(pages) + before};
}

void mapped_range::unmap::operator()(watched* range) const {
  const std::uintptr_t begin = range->begin.load(std::memory_order_relaxed);
  const std::uintptr_t end = range->end.exchange(0, std::memory_order_relaxed);
  ::munmap(reinterpret_cast<void*>(begin), end - begin);
  range->taken.store(false, std::memory_order_release);
}

bool mapped_range::damaged() const {
  // The bytes were read by plain loads, and zeros may be in them that another thread's handler put there after it had set the
  // flag. An acquiring load keeps later loads behind it, not earlier ones before it: without the fence a weakly ordered machine
  // (Arm, POWER) may load the flag first, and then the zeros.
  std::atomic_thread_fence(std::memory_order_acquire);
  return !empty() && watched_->damaged.load(std::memory_order_relaxed);
}

bool is_cached([[maybe_unused]] const file_handle& file, [[maybe_unused]] std::uint64_t offset,
               [[maybe_unused]] std::size_t bytes) {
#ifdef RWF_NOWAIT
  // Two places in each stretch, away from its ends: pages that hold the header of a record were all read when the file was
  // opened.
  constexpr std::size_t longest_stretch = std::size_t{2} << 20;
  const std::size_t stretch = std::min(bytes, longest_stretch);
  for (std::size_t start = 0; start + stretch <= bytes; start += stretch) {
    for (const std::size_t thirteenths : {4U, 9U}) {
      char byte = 0;
      const iovec to{&byte, 1};
      const auto at = static_cast<off_t>(offset + start + stretch * thirteenths / 13);
      // mincore() reports every page of another owner's files as present.
      if (::preadv2(file.descriptor(), &to, 1, at, RWF_NOWAIT) != 1) return false;
    }
  }
  return true;
#else
  return false;
#endif
}

}  // namespace countem::io
