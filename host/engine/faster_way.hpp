#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace countem::engine {

/// Which of a few ways to do the same takes the least time, as was seen lately. Safe from several threads.
template <std::size_t Ways>
class faster_way {
 public:
  /// All ways are open.
  static constexpr unsigned all = (1U << Ways) - 1;

  /// The way to go next among those that are open (one bit each, one at least): in turn until each was timed a few times, then
  /// the fastest, and now and then another. A way that was far slower is tried again the less often the more often it was.
  [[nodiscard]] std::size_t next(unsigned open = all) {
    const std::lock_guard lock(mutex_);
    const std::size_t way = choose(open);
    ways_[way].wait = ways_[way].turns_between_looks;
    ++ways_[way].gone;
    return way;
  }

  /// Seconds that one piece of work took on a way.
  void took(std::size_t way, double seconds) {
    const std::lock_guard lock(mutex_);
    one_way& mine = ways_[way];
    // The shortest time, since what disturbs only makes longer; but each time it counts a little less.
    constexpr double forgetting = 1.03;
    mine.seconds = mine.timed++ == 0 ? seconds : std::min(forgetting * mine.seconds, seconds);
    mine.turns_between_looks =
        is_slower(mine, far) ? std::min(2 * mine.turns_between_looks, most_turns_between_looks) : least_turns_between_looks;
  }

 private:
  static constexpr std::uint64_t enough = 3;
  static constexpr double hopeless = 16;  ///< times as slow: once is enough
  static constexpr double far = 2;        ///< times as slow
  static constexpr std::uint64_t least_turns_between_looks = 16;
  static constexpr std::uint64_t most_turns_between_looks = 4096;

  struct one_way {
    std::uint64_t gone = 0;
    std::uint64_t timed = 0;
    double seconds = 0;
    std::uint64_t turns_between_looks = least_turns_between_looks;
    std::uint64_t wait = least_turns_between_looks;  ///< turns before the next look
  };

  std::size_t choose(unsigned open) {
    std::size_t newest = Ways;
    std::size_t fastest = Ways;
    for (std::size_t w = 0; w < Ways; ++w) {
      if (((open >> w) & 1U) == 0) continue;
      const bool known = ways_[w].timed >= enough || (ways_[w].timed != 0 && is_slower(ways_[w], hopeless));
      if (!known && (newest == Ways || ways_[w].gone < ways_[newest].gone)) newest = w;
      if (fastest == Ways || ways_[w].seconds < ways_[fastest].seconds) fastest = w;
    }
    if (newest != Ways) return newest;
    for (std::size_t w = 0; w < Ways; ++w) {
      if (w == fastest || ((open >> w) & 1U) == 0) continue;
      if (--ways_[w].wait == 0) return w;
    }
    return fastest;
  }

  /// So many times as slow as another that was timed.
  [[nodiscard]] bool is_slower(const one_way& mine, double times) const {
    return std::ranges::any_of(ways_,
                               [&](const one_way& other) { return other.timed != 0 && mine.seconds > times * other.seconds; });
  }

  std::mutex mutex_;
  std::array<one_way, Ways> ways_{};
};

}  // namespace countem::engine
