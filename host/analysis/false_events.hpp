#pragma once

#include <cstdint>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/event_store.hpp>
#include <countem/reductions.hpp>

#include "host/engine/completeness.hpp"

namespace countem::analysis {

/// Expected number of something, and its standard error.
struct expected_number {
  double mean = 0;
  double error = 0;
};

/// Of noise beyond the threshold in all sampled frames: the tail of the mirrored sample, continued as exp(a + b t + c t^2),
/// c <= 0, fitted by the likelihood of its bins from the threshold down to where 400 lie beyond. The plain number beyond the
/// threshold scatters, and is too low where the threshold was chosen by it. That plain number where fewer than 30 lie in the
/// bins. @param threshold_adu of charges, or of scores with method peaks
[[nodiscard]] expected_number noise_beyond(const threshold_curve& curve, double threshold_adu);

/// Events of noise that a store's thresholds let through. They are expected to fall alike on all pixels that are not masked.
class false_events {
 public:
  /// @param masks of the store's grid; the whole grid is one more detector behind them
  false_events(const store_description& store, const detector_masks& masks);

  /// Whether the calibration knows how many there are: it saw the noise on both sides of its mean, and one pixel is enough for
  /// an event.
  [[nodiscard]] bool are_known() const { return !expected_.empty(); }
  /// Their standard error divided by their number.
  [[nodiscard]] double relative_error() const { return relative_error_; }
  /// Expected in a detector from one frame of the store, which has that status; 0 where they are not known.
  [[nodiscard]] double in(std::size_t detector, std::uint8_t status) const;

 private:
  std::vector<engine::sector_weights> expected_;  ///< [detector] in each sector of a frame
  double relative_error_ = 0;
};

}  // namespace countem::analysis
