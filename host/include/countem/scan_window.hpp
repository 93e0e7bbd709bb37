#pragma once

#include <cstdint>
#include <string_view>

#include <countem/types.hpp>

namespace countem {

/// Positions [row, row + height) x [column, column + width) of a scan.
struct scan_window {
  std::uint32_t row = 0;     ///< first row of positions
  std::uint32_t column = 0;  ///< first position of each row
  std::uint32_t height = 0;  ///< rows of positions
  std::uint32_t width = 0;   ///< positions per row
};
/// The window that keeps all of a scan.
[[nodiscard]] constexpr scan_window whole(const scan_shape& scan) {
  return {0, 0, scan.height, scan.width};
}
/// The scan that a window leaves.
[[nodiscard]] constexpr scan_shape inside(const scan_shape& scan, const scan_window& window) {
  return {window.height, window.width, scan.frames_per_position};
}

/// "R0:R1,C0:C1": rows R0 up to but not including R1, columns likewise; either number may be left out.
struct index_ranges {
  std::uint32_t row = 0;         ///< first row
  std::uint32_t row_end = 0;     ///< one beyond the last row
  std::uint32_t column = 0;      ///< first column
  std::uint32_t column_end = 0;  ///< one beyond the last column
};
/// @throws invalid_argument when the text is no such window, or reaches beyond height x width.
[[nodiscard]] index_ranges parse_ranges(std::string_view text, std::uint32_t height, std::uint32_t width);

/// @throws invalid_argument when the window is empty or reaches beyond the scan.
void validate(const scan_window& window, const scan_shape& scan);

}  // namespace countem
