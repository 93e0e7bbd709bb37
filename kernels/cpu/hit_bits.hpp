#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <countem/types.hpp>

namespace countem::cpu {

/// Calls visit(column) for each set bit of a word whose bit 0 is column `first`.
template <class Visit>
void for_set_bits(std::uint64_t word, std::uint32_t first, Visit visit) {
  for (; word != 0; word &= word - 1) visit(first + static_cast<std::uint32_t>(std::countr_zero(word)));
}

/// One bit per pixel, rows of 64-bit words; column c of a row is bit c % 64 of word c / 64. Bits beyond the width stay 0.
/// Every row ends in at least one zero word, and zero rows lie before the first and after the last, so that a look
/// across the frame's border finds no hits and needs no test.
class hit_bits {
 public:
  static constexpr std::uint32_t bits_per_word = 64;
  /// Zero rows before the first and after the last, as far as vectors and windows reach.
  static constexpr std::uint32_t rows_above = 2;
  static constexpr std::uint32_t rows_below = 16;

  hit_bits() = default;
  explicit hit_bits(frame_shape shape)
      : shape_(shape),
        words_(words_for(shape.width)),
        stride_(words_ / 2 * 2 + 2),
        memory_((std::size_t{shape.height} + rows_above + rows_below) * stride_) {}

  [[nodiscard]] bool empty() const { return memory_.empty(); }
  [[nodiscard]] frame_shape shape() const { return shape_; }
  /// Words of a row that hold pixels.
  [[nodiscard]] std::size_t words() const { return words_; }
  /// Words from one row to the next; even.
  [[nodiscard]] std::size_t stride() const { return stride_; }
  /// Rows -rows_above to height + rows_below - 1 may be read.
  [[nodiscard]] std::uint64_t* row(std::int64_t y) {
    return memory_.data() + static_cast<std::size_t>(y + rows_above) * stride_;
  }
  [[nodiscard]] const std::uint64_t* row(std::int64_t y) const {
    return memory_.data() + static_cast<std::size_t>(y + rows_above) * stride_;
  }

  [[nodiscard]] bool test(std::uint32_t y, std::uint32_t x) const {
    return ((row(y)[x / bits_per_word] >> (x % bits_per_word)) & 1U) != 0;
  }
  void set(std::uint32_t y, std::uint32_t x) { row(y)[x / bits_per_word] |= std::uint64_t{1} << (x % bits_per_word); }

  void clear(std::uint32_t y, std::uint32_t x) { row(y)[x / bits_per_word] &= ~(std::uint64_t{1} << (x % bits_per_word)); }

  /// Calls visit(row, column) for the hits of rows [first, last), in order.
  template <class Visit>
  void for_each(std::uint32_t first, std::uint32_t last, Visit visit) const {
    for (std::uint32_t y = first; y < last; ++y) {
      for (std::uint32_t w = 0; w < words_; ++w) {
        for_set_bits(row(y)[w], w * bits_per_word, [&](std::uint32_t x) { visit(y, x); });
      }
    }
  }

  static std::size_t words_for(std::uint32_t width) { return (std::size_t{width} + bits_per_word - 1) / bits_per_word; }

 private:
  frame_shape shape_{};
  std::size_t words_ = 0;
  std::size_t stride_ = 0;
  std::vector<std::uint64_t> memory_;
};

}  // namespace countem::cpu
