#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/counting.hpp>
#include <countem/frame_source.hpp>

#include "host/engine/mirrored_noise.hpp"
#include "host/engine/noise_peak.hpp"

// Frames drawn from a scan, and what is known of their charges. Two passes over the frames, one frame a thread in memory.
namespace countem::engine {

/// Up to `wanted` different frames that arrived, spread evenly over the scan, in ascending order. The seed defines the first
/// one; fewer only when fewer arrived.
[[nodiscard]] std::vector<std::uint64_t> draw_frames(const frame_source& frames, std::uint32_t wanted, std::uint64_t seed,
                                                     unsigned threads);

/// Plain statistics of the charges of some frames, in 1/16 ADU; pixels without charge take no part.
struct charge_statistics {
  std::uint64_t count = 0;
  double sum = 0;
  double squares = 0;
  std::int32_t lowest = std::numeric_limits<std::int32_t>::max();
  std::int32_t highest = std::numeric_limits<std::int32_t>::min();
  std::vector<std::int32_t> some;  ///< about a million charges, evenly from all frames and the whole detector

  /// Takes charges in, but for `some`.
  void add(std::span<const std::int32_t> charges);
  [[nodiscard]] double mean() const;
  [[nodiscard]] double sigma() const;  ///< n - 1
};

/// Frames of one source seen through one calibration. `threads` 0: all cores. Results are the same for any number of threads.
class charge_sample {
 public:
  /// With background_method::frame each frame's shift is subtracted.
  charge_sample(const frame_source& source, const calibration& calibrated, std::vector<std::uint64_t> frames, unsigned threads,
                background_method background = background_method::none);

  [[nodiscard]] const std::vector<std::uint64_t>& frames() const { return frames_; }
  [[nodiscard]] frame_shape shape() const { return source_.info().shape; }
  /// Calls visit(i, charges) for each of the frames, in any order and by several threads.
  void for_each(const std::function<void(std::size_t, std::span<const std::int32_t>)>& visit) const;
  [[nodiscard]] charge_statistics statistics() const;
  /// Adds all charges to a histogram and to the tails around it, which are cumulated then.
  void fill(charge_histogram& histogram, charge_tails& tails) const;
  /// What is counted of peaks.
  enum class peak_value { charge, score };
  /// All peaks between two charges, as they are and with all charges mirrored at the noise's mean.
  [[nodiscard]] peak_tails peaks(peak_value value, const gaussian& noise, std::int32_t candidate16, std::int32_t xray16,
                                 std::int32_t highest) const;

 private:
  [[nodiscard]] std::vector<std::int32_t> charges_of(std::uint64_t frame) const;

  const frame_source& source_;
  const calibration& calibrated_;
  std::vector<std::uint64_t> frames_;
  unsigned threads_;
  background_method background_;
};

}  // namespace countem::engine
