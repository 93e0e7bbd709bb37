#pragma once

#include <complex>
#include <cstdint>
#include <functional>
#include <vector>

#include <countem/displaced_sum.hpp>
#include <countem/types.hpp>

#include "host/analysis/bright_field.hpp"

namespace countem::analysis {

/// The displacement of a detector pixel from the centre, in scan steps, row + i column.
using pixel_shift = std::function<std::complex<double>(double row, double column)>;

/// Bright-field electrons on a grid finer than the scan, each moved by the displacement of its pixel, and how many would be
/// there without contrast. Cell (r, c) lies at the scan position (r / factor, c / factor); displacements are rounded to cells.
class tilt_image {
 public:
  /// @throws invalid_argument when displacements reach farther than the scan is wide.
  tilt_image(const bright_field& disk, const scan_shape& scan, std::uint32_t factor, const pixel_shift& shift);

  /// Adds frames, the first of which is `first` of the scan. @throws as add_displaced() does.
  void add(const event_view& frames, std::uint64_t first, unsigned threads);

  /// Electrons in each cell of factor * height x factor * width.
  [[nodiscard]] std::vector<std::uint32_t> electrons() const;
  /// What each cell would have, were the image flat: the brightness of every pixel that reaches it from a frame that was added,
  /// summed. 0 where none does.
  [[nodiscard]] std::vector<double> expected() const;
  /// Frames that were added.
  [[nodiscard]] std::uint64_t frames() const;

 private:
  [[nodiscard]] std::vector<std::uint64_t> exposure() const;
  [[nodiscard]] std::size_t cell_of(std::uint64_t position) const;

  scan_shape scan_;
  std::uint32_t factor_;
  std::uint32_t margin_ = 0;   ///< cells around the scan's own, for what is moved beyond its edges
  std::size_t row_cells_ = 0;  ///< of the image with its margins
  displacement_map map_;
  std::vector<std::uint64_t> bright_;  ///< [row * (2 margin + 1) + column] electrons of the pixels displaced by that much
  std::vector<std::uint32_t> image_;
  std::vector<std::uint32_t> seen_;  ///< [position] frames that were added
};

}  // namespace countem::analysis
