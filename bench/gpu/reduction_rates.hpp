#pragma once

namespace countem::bench {

/// Millions of events per second from the call of a stage to its result in host memory; the events lie on the device already.
struct reduction_rates {
  double occupancy = 0;
  double load = 0, sum = 0, maximum = 0, detectors = 0, weighted = 0, moments = 0, second_moments = 0, within = 0;
  double radial = 0, bin = 0, crop = 0;
  double virtual_frames_per_s = 0;
};

/// Random events of 4,096 frames of 576 x 576, so many of their pixels.
/// @throws cuda_error when the device fails.
[[nodiscard]] reduction_rates measure_reductions(double occupancy);

/// One object of the JSON to stdout, one line of the table to stderr.
void print(const reduction_rates& one, bool last);

}  // namespace countem::bench
