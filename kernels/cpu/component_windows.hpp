#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/fetch_ahead.hpp"

namespace countem::cpu {

/// Where a component may start: a hit with no hit to its west, north-west, north and north-east. The first pixel of every
/// component, in reading order, is one.
struct component_root {
  std::uint32_t row;  ///< counted from the first root row of the strip
  std::uint32_t column;
};

/// The hits of 8 x 8 pixels, bit 8 r + c, that are connected to a root inside them. The root is bit `root_bit`: the window
/// starts one row above it and three columns to its left.
namespace window {
inline constexpr std::uint32_t rows_above = 1;
inline constexpr std::uint32_t columns_left = 3;
inline constexpr std::uint32_t size = 8;
inline constexpr std::uint64_t root_bit = 8 * rows_above + columns_left;
/// Pixels before the root in reading order: a component that holds one belongs to another root.
inline constexpr std::uint64_t before_root = (std::uint64_t{1} << root_bit) - 1;
/// Pixels with neighbours outside the window. Those above the root's row are in before_root.
inline constexpr std::uint64_t at_edge = 0xff81'8181'8181'8181;
}  // namespace window

/// Whole rows of hit bits in which roots are looked for.
struct window_strip {
  const std::uint64_t* above = nullptr;  ///< the row before the first root row
  std::size_t stride = 0;                ///< words from row to row, even; the last word of a row is 0
  std::uint32_t root_rows = 0;           ///< the bits of `size` more rows must be there
};

/// The roots of one strip, in reading order, and for each the part of its component that its window shows. Scratch memory
/// that is kept from strip to strip.
class component_windows {
 public:
  /// For strips of up to `root_rows` rows of `stride` words.
  component_windows(std::uint32_t root_rows, std::size_t stride);

  /// Fetches some of `ahead` meanwhile.
  void find(const window_strip& strip, fetch_ahead& ahead);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] const component_root* roots() const { return roots_.data(); }
  [[nodiscard]] const std::uint64_t* hits() const { return hits_.data(); }

 private:
  std::size_t count_ = 0;
  std::vector<std::uint32_t> positions_;  ///< of roots, in bits of root_words_
  std::vector<component_root> roots_;
  std::vector<std::uint64_t> hits_;
  std::vector<std::uint64_t> root_words_;     ///< roots as bits, words as in the hit mask
  std::vector<std::uint64_t> any_roots_;      ///< a bit for each word that holds roots
  std::vector<component_root> first_pixels_;  ///< pixel of bit 0 of each word
  std::vector<std::uint8_t> columns_;         ///< hit bits as bytes of eight columns, one such byte column after the other
  std::size_t column_rows_ = 0;
};

}  // namespace countem::cpu
