#pragma once

#include <optional>

#include "host/engine/beam_circle.hpp"

namespace countem {

/// A fitted disk in cells of its pattern.
struct fitted_disk {
  detector_point centre{};
  double radius = 0;
  double rim_width = 0;
  detector_point centre_error{};
  double radius_error = 0;
  double level = 0;       ///< electrons per cell of the disk above the background
  double background = 0;  ///< electrons per cell beside it
  double rim_share = 0;   ///< of the rim's circle: as much of it was seen and is a rim
  double seen_share = 0;  ///< of the rim's circle: as much of it lies on used cells
  double evidence = 0;    ///< logarithm of the likelihood ratio to a flat band
  double sharpness = 0;   ///< the same to a band whose logarithm is a parabola across the rim: a background that falls smoothly
};

/// A rim wider than this in cells is for a pattern of larger cells.
inline constexpr double widest_in_cells = 7;

/// Fits a disk with a blurred rim on a flat background, both with a slope across the disk, to a band around a rough disk's rim
/// by maximum likelihood of Poisson counts. Sectors of the band that show no rim, or another one, are left out. Empty where
/// nothing is left, or the rim is wider than widest_in_cells: `too_wide` then is set.
[[nodiscard]] std::optional<fitted_disk> fit_disk(const beam_pattern& pattern, const rough_disk& start, bool& too_wide);

}  // namespace countem
