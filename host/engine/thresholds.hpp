#pragma once

#include <optional>

#include <countem/calibrate.hpp>

#include "host/engine/mirrored_noise.hpp"
#include "host/engine/sample.hpp"

// From a sample of the frames to thresholds (docs/calibration.md).
namespace countem::engine {

/// Sampled frames, and what is known of them.
struct described_sample {
  charge_sample frames;
  noise_fit fit;       ///< mean and sigma are NaN where nothing was fitted
  charge_tails tails;  ///< of all charges
};

/// No automatic threshold is lower, and candidates of method peaks lie above so many sigmas.
inline constexpr double fewest_sigmas = 3;

/// How much the score of a lone pixel grows with its charge.
inline constexpr double score_per_charge = 3;

/// Score, in ADU, of a pixel so many sigmas above the fitted noise among pixels of its mean.
[[nodiscard]] double score_with_sigmas(const noise_fit& fit, double sigmas);

/// Sets background16, pixel_background16, score16 and xray16 as the options ask, and what `fit` holds about them. `found` has
/// its references, and the sample's fit where there is a sample; without one both thresholds are given.
/// @throws invalid_argument, format_error where the sample does not give what is asked for.
void set_thresholds(calibration& found, const std::optional<described_sample>& sample, const calibration_options& options);

}  // namespace countem::engine
