#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/displaced_sum.hpp>
#include <countem/reductions.hpp>

namespace countem::analysis {

/// The pixels of the bright-field disk and how many electrons they have.
struct bright_field {
  frame_shape shape{};                 ///< of the frames, in cells
  detector_point centre{};             ///< of the disk, cells
  double radius = 0;                   ///< detector pixels; cells whose centres lie farther away do not belong to it
  std::span<const std::uint64_t> sum;  ///< [cell] electrons of all frames
  double cell = 1;                     ///< detector pixels a side

  /// Calls visit(cell, rows from the centre, columns from the centre), in detector pixels, for each cell that belongs to it.
  template <class Visit>
  void for_pixels(Visit visit) const {
    for (std::uint64_t index = 0; index < shape.pixels(); ++index) {
      const double row = cell * (static_cast<double>(index / shape.width) - centre.row);
      const double column = cell * (static_cast<double>(index % shape.width) - centre.column);
      if (row * row + column * column <= radius * radius) visit(index, row, column);
    }
  }
};

/// Neighbouring pixels of the bright field whose images are added up.
struct pixel_group {
  int grid_row = 0;      ///< place in a square grid of groups, 0 in the middle
  int grid_column = 0;   ///< likewise
  double row = 0;        ///< mean of its electrons, rows from the centre
  double column = 0;     ///< likewise
  double electrons = 0;  ///< of all frames
};

/// A partition of the bright field.
struct pixel_groups {
  double width = 0;                  ///< pixels a side
  std::vector<pixel_group> groups;   ///< those with electrons
  std::vector<std::int32_t> labels;  ///< [pixel] number of its group, or displacement_map::nowhere
};

/// Squares, `across` (odd) of them along the disk's diameter.
[[nodiscard]] pixel_groups group_pixels(const bright_field& disk, unsigned across);

}  // namespace countem::analysis
