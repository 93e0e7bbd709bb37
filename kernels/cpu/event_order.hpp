#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/types.hpp>

namespace countem::cpu {

/// Sorts the linear indices of a frame's events through one bit per pixel, which takes time in proportion to the events and is
/// no slower for any order of theirs. Scratch memory, empty between calls.
class event_order {
 public:
  explicit event_order(frame_shape grid)
      : words_(grid.pixels() / bits_per_word + 1), groups_(words_.size() / bits_per_word + 1) {}

  /// Appends `indices` to `sorted` in ascending order; repeated ones stay repeated.
  void append_sorted(std::span<const std::uint32_t> indices, std::vector<std::uint32_t>& sorted);

 private:
  static constexpr std::uint32_t bits_per_word = 64;

  std::vector<std::uint64_t> words_;   ///< one bit per pixel
  std::vector<std::uint64_t> groups_;  ///< a bit a word that is not 0
  std::vector<std::uint32_t> repeated_;
};

}  // namespace countem::cpu
