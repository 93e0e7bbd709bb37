#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/frame.hpp>

#include "host/engine/sample.hpp"

// Whether the level of the frames stays where it is along the scan. All in integers.
namespace countem::engine {

/// Where a frame's noise peak lies, from the charges of rows spread over it; in 1/16 ADU.
struct frame_level {
  /// The median and the mean distance from it, distances cut as row_noise_method::mean does: fractions of an ADU show in
  /// whole ones too.
  std::int32_t level16 = 0;
  std::int32_t spread16 = 0;  ///< from the lower quartile to the median: electrons do not widen it
};

/// Nothing where no pixel of these rows has a charge.
[[nodiscard]] std::optional<frame_level> level_of(std::span<const std::int32_t> charges, frame_shape shape);

/// How far the level moves, from levels in the order of the scan: the difference between the highest and the lowest median of
/// up to eight stretches of them, below 0 when the highest comes first. Nothing for fewer than two stretches of three frames,
/// below half an ADU, and where it is less than half the spread, which is a third of the noise's sigma.
[[nodiscard]] std::optional<std::int32_t> drift_of(std::span<const frame_level> levels);

/// A note where the frames of the sample from which a calibration was made drift.
void note_drift(calibration& made, const charge_sample& sample);

}  // namespace countem::engine
