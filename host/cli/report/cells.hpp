#pragma once

#include <cstddef>
#include <cstdint>

#include <countem/types.hpp>

// The maps of a page: a cell is a position, or a block of positions in scans that have too many.
namespace countem::cli::report {

constexpr std::uint32_t divide_up(std::uint32_t a, std::uint32_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

/// The cells of a map that bins a scan so.
[[nodiscard]] constexpr scan_shape cells(const scan_shape& scan, std::uint32_t stride) {
  return {divide_up(scan.height, stride), divide_up(scan.width, stride), 1};
}

/// Calls visit(position, cell) for each position of a scan.
template <class Visit>
void for_cells(const scan_shape& scan, std::uint32_t stride, const Visit& visit) {
  const std::uint32_t width = divide_up(scan.width, stride);
  for (std::uint32_t row = 0; row < scan.height; ++row) {
    for (std::uint32_t column = 0; column < scan.width; ++column)
      visit(std::size_t{row} * scan.width + column, std::size_t{row / stride} * width + column / stride);
  }
}

}  // namespace countem::cli::report
