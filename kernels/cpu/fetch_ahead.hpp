#pragma once

#include <cstddef>

namespace countem::cpu {

/// Memory that will be read next, fetched into the second-level cache a few lines at a time between other work, which so hides
/// the way from main memory. All at once would make the other work wait. A stretch that is no memory is harmless.
class fetch_ahead {
 public:
  static constexpr std::size_t line_bytes = 64;

  fetch_ahead() = default;
  fetch_ahead(const void* first, std::size_t bytes) : next_(static_cast<const std::byte*>(first)), end_(next_ + bytes) {}

  /// The next lines, unless all have been fetched.
  void fetch(std::size_t lines) {
    if (next_ >= end_) return;
    constexpr int second_level = 2;
    for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(next_ + i * line_bytes, 0, second_level);
    next_ += lines * line_bytes;
  }
  [[nodiscard]] std::size_t lines_left() const {
    return next_ < end_ ? static_cast<std::size_t>(end_ - next_) / line_bytes : 0;
  }

 private:
  const std::byte* next_ = nullptr;
  const std::byte* end_ = nullptr;
};

}  // namespace countem::cpu
