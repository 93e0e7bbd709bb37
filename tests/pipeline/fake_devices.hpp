#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>

/// Devices that are none: the cuda backend's interface over the reference backend, with speeds and failures as a test wants
/// them. Linked in place of the backend.
namespace countem::test {

struct fake_devices {
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  unsigned devices = 1;
  std::chrono::microseconds start{0};         ///< that a device takes to start
  std::chrono::microseconds batch{0};         ///< that it takes for each batch
  bool counts_nothing = false;                ///< no events: what it takes is `batch` alone
  std::set<unsigned> does_not_start;          ///< these devices
  std::set<unsigned> fails;                   ///< these, in the way that follows
  std::uint64_t put_that_fails = never;       ///< by its number among all of that device
  std::uint64_t count_that_fails = never;     ///< likewise
  std::uint64_t addition_that_fails = never;  ///< likewise, to its patterns
  bool patterns_can_be_read = true;

  // What happened.
  static constexpr unsigned most_devices = 8;
  std::atomic<std::uint64_t> started{0};
  std::atomic<std::uint64_t> puts[most_devices]{};
  std::atomic<std::uint64_t> counts[most_devices]{};
  std::atomic<std::uint64_t> additions[most_devices]{};
};

/// Of the test that runs: make_fakes() begins it.
[[nodiscard]] fake_devices& fakes();
fake_devices& make_fakes();

}  // namespace countem::test
