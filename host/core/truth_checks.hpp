#pragma once

#include <cstdint>
#include <limits>

#include <countem/counting.hpp>
#include <countem/simulate.hpp>
#include <countem/types.hpp>

namespace countem::core {

/// @throws invalid_argument when the truth is not that of the counted frames, or the events have no frame to lie in.
void require_truth_of(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth);

/// Centre of a cell of an event grid in detector pixels. Pixel centres are at integers: cell 0 of k per pixel has its centre at
/// -1/2 + 1/(2 k).
[[nodiscard]] inline double cell_centre(std::uint32_t cell, std::uint32_t upsample) {
  return (cell + 0.5) / upsample - 0.5;
}

/// A share of something; NaN of nothing.
[[nodiscard]] inline double ratio(double part, double whole) {
  return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace countem::core
