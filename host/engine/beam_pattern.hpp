#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/found_beam.hpp>

namespace countem {

/// A pattern made ready for the search for the beam: of a workable size, without hot pixels, with sums over rectangles.
struct beam_pattern {
  std::uint32_t block = 1;  ///< pixels a side of the given pattern that are one cell here
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::vector<double> counts;      ///< [cell], 0 where unused
  std::vector<std::uint8_t> used;  ///< [cell], 0: masked, hot or cut by the frame's edge

  [[nodiscard]] std::size_t at(std::uint32_t row, std::uint32_t column) const { return std::size_t{row} * width + column; }

  struct content {
    double counts = 0;
    double cells = 0;  ///< used ones
  };
  /// Of the rows [row, row_end) and columns [column, column_end), as far as they lie on the pattern.
  [[nodiscard]] content within(std::int64_t row, std::int64_t row_end, std::int64_t column, std::int64_t column_end) const {
    const auto cut = [](std::int64_t place, std::int64_t length) {
      return static_cast<std::size_t>(std::max<std::int64_t>(0, std::min(place, length)));
    };
    const std::size_t stride = std::size_t{width} + 1;
    const std::size_t top = cut(row, height) * stride;
    const std::size_t bottom = cut(row_end, height) * stride;
    const std::size_t left = cut(column, width);
    const std::size_t right = cut(column_end, width);
    const auto of = [&](const auto& before) {
      return before[bottom + right] - before[bottom + left] - before[top + right] + before[top + left];
    };
    return {of(counts_before_), static_cast<double>(of(used_before_))};
  }

  /// After `counts` and `used` changed.
  void sum_up();

 private:
  std::vector<double> counts_before_;  ///< [(row, column) of height + 1, width + 1]: of all cells above and to the left
  std::vector<std::int32_t> used_before_;
};

/// Merges pixels into cells where the grid is finer than the detector or has very many pixels, and drops hot pixels.
/// `values` has one value per pixel, none below 0.
[[nodiscard]] beam_pattern make_beam_pattern(std::vector<double> values, frame_shape shape, const beam_search& known);

/// The same with squares of so many cells as one; those with an unused cell are unused.
[[nodiscard]] beam_pattern merged(const beam_pattern& pattern, std::uint32_t factor);

}  // namespace countem
