#pragma once

#include <cstdint>
#include <optional>

#include "host/engine/beam_pattern.hpp"

namespace countem {

/// A rough disk, in cells of a beam_pattern.
struct rough_disk {
  detector_point centre{};
  double radius = 0;
  double smoothing = 1;  ///< side of the boxes that it was found with: its error is a fraction of that
};

/// Logarithm of the likelihood ratio of two levels, of the disk without its rim and of a ring around it, to one.
[[nodiscard]] double evidence_of(const beam_pattern& pattern, const rough_disk& disk);

/// Sides of boxes from 1 cell on, each about 1.4 times the one before.
[[nodiscard]] std::int64_t next_side(std::int64_t side);

/// The side of the smallest boxes of which the fullest holds enough electrons, and more than chance makes of the background.
/// Empty where no boxes do.
[[nodiscard]] std::optional<std::int64_t> smallest_side(const beam_pattern& pattern);

/// The circle that most of the rim of the brightest region of a pattern agrees with, smoothed by boxes of that side: the rim is
/// where the density is half of the region's. Parts of the rim that are no circle's, as those made by a beam stop, do not
/// matter.
[[nodiscard]] std::optional<rough_disk> find_rough_disk(const beam_pattern& pattern, std::int64_t side);

}  // namespace countem
