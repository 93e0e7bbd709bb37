#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <countem/types.hpp>

namespace countem::cpu {

/// One bit a pixel, rows of 64-bit words; column c of a row is bit c % 64 of word c / 64. Bits beyond the width stay 0.
class hit_bits {
 public:
  static constexpr std::uint32_t bits_per_word = 64;

  hit_bits() = default;
  explicit hit_bits(frame_shape shape)
      : shape_(shape),
        words_per_row_((std::size_t{shape.width} + bits_per_word - 1) / bits_per_word),
        words_(words_per_row_ * shape.height) {}

  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] frame_shape shape() const { return shape_; }
  [[nodiscard]] std::size_t words_per_row() const { return words_per_row_; }
  [[nodiscard]] std::uint64_t* row(std::uint32_t y) { return words_.data() + y * words_per_row_; }
  [[nodiscard]] const std::uint64_t* row(std::uint32_t y) const { return words_.data() + y * words_per_row_; }

  [[nodiscard]] bool test(std::uint32_t y, std::uint32_t x) const {
    return ((row(y)[x / bits_per_word] >> (x % bits_per_word)) & 1U) != 0;
  }
  void set(std::uint32_t y, std::uint32_t x) { row(y)[x / bits_per_word] |= std::uint64_t{1} << (x % bits_per_word); }

 private:
  frame_shape shape_{};
  std::size_t words_per_row_ = 0;
  std::vector<std::uint64_t> words_;
};

/// Calls visit(column) for each set bit of a word whose bit 0 is column `first`.
template <class Visit>
void for_set_bits(std::uint64_t word, std::uint32_t first, Visit visit) {
  for (; word != 0; word &= word - 1) visit(first + static_cast<std::uint32_t>(std::countr_zero(word)));
}

}  // namespace countem::cpu
