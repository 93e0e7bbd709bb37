#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/reductions.hpp>

#include "kernels/cpu/reduce_simd.hpp"

namespace countem::cpu {

/// Adds events to an image through one byte per pixel: a quarter of a 32-bit counter stays in a cache that the whole would not
/// fit. What a byte cannot hold is carried into the image at once.
class byte_counters {
 public:
  explicit byte_counters(std::span<std::uint64_t> image) : image_(image), bytes_(image.size()) {}

  /// Adds the events that lie below pixel `end` and returns the others. They ascend, or all lie below.
  frame_events add(frame_events events, std::uint64_t end) {
    constexpr std::size_t ahead = 256;          // events; read once, they should not push the bytes out of the cache
    constexpr std::size_t at_once = 8;          // one comparison for all, since they ascend
    std::uint8_t* const bytes = bytes_.data();  // in a register: to the compiler a byte written may be any member
    const auto add = [this, bytes](std::uint32_t index) {
      if (++bytes[index] == 0) [[unlikely]]
        image_[index] += 256;
    };
    std::size_t i = 0;
    for (; i + at_once <= events.size() && events[i + at_once - 1] < end; i += at_once) {
      __builtin_prefetch(events.data() + i + ahead, 0, 0);
      for (std::size_t j = 0; j < at_once; ++j) add(events[i + j]);
    }
    for (; i < events.size() && events[i] < end; ++i) add(events[i]);
    return events.subspan(i);
  }

  /// Moves what is still in the bytes into the image.
  void finish(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t p = first; p < last; ++p) image_[p] += bytes_[p];
  }

 private:
  std::span<std::uint64_t> image_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace countem::cpu
