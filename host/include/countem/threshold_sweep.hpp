#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/counting.hpp>
#include <countem/frame_source.hpp>

namespace countem {

/// Thresholds to try, in sigmas of the noise peak.
struct sweep_range {
  double first = 0;  ///< the lowest
  double last = 0;   ///< the highest, if a step ends there
  double step = 0;   ///< above 0
};

/// "FIRST:LAST:STEP". @throws invalid_argument where it is not, is empty, or has more than 1000 thresholds.
[[nodiscard]] sweep_range parse_sweep(std::string_view text);

/// What counting the sampled frames with one threshold gives.
struct swept_threshold {
  double sigmas = 0;         ///< of the noise peak above its mean; method peaks: where a lone pixel lies at the score threshold
  double threshold_adu = 0;  ///< background threshold; method peaks: score threshold
  double events = 0;         ///< per frame
  std::optional<double> false_events;  ///< per frame, expected from the mirrored charges; empty without a dark reference
  double pixels = 0;                   ///< hits of an event, on average; NaN without events
};

/// Events of noise per frame beyond a threshold (method peaks: a score threshold): N- of the fit's last threshold that is not
/// above it; empty where the fit does not show it.
[[nodiscard]] std::optional<double> expected_noise(const noise_fit& fit, double threshold_adu);

/// Counts the frames that `found` was calibrated with once more for each threshold of `range`, on the cpu. `frames` are those
/// of the scan; `found` comes from calibrate() and holds the fit of the noise peak; of `counting` method, row noise and
/// background are used. `threads` 0: all cores.
/// @throws invalid_argument where `found` holds no fit; what reading and counting throw
[[nodiscard]] std::vector<swept_threshold> sweep_thresholds(const frame_source& frames, const calibration& found,
                                                            const counting_options& counting, const sweep_range& range,
                                                            unsigned threads = 0);

}  // namespace countem
