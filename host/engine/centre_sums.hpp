#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <countem/reduction_plan.hpp>
#include <countem/reductions.hpp>
#include <countem/types.hpp>

#include "host/engine/frame_reductions.hpp"

namespace countem::engine {

/// The sums from which centres of mass follow, as a plan asks for them: all events or those in an aperture, up to first or
/// second order, or weighted by their pixels. Sums are exact; those of weights up to the 2^-30 of weight_image.
class centre_sums {
 public:
  /// Makes room in `result`.
  centre_sums(const reduction_plan& plan, frame_shape shape, detector_point centre, const scan_shape& scan,
              reduction_result& result);

  /// The sums of each of the frames that the reducer has loaded. Safe from several threads, each with a reducer of its own.
  void reduce(event_reducer& reducer, std::size_t frames, frame_centres& of_frames) const;
  /// Adds frames, the first of which is `first_frame` of the scan.
  void add(const frame_centres& of_frames, std::uint64_t first_frame, reduction_result& result) const;

 private:
  void make_weighted(const event_aperture& aperture, const reduction_plan& plan);
  [[nodiscard]] std::vector<weight_image> places(const std::vector<double>& weights, std::size_t number) const;
  void add_weighted(std::span<const std::int64_t> of_frames, std::uint64_t first_frame, const std::vector<weight_image>& images,
                    std::vector<weighted_moments>& sums) const;

  frame_shape shape_;
  std::uint64_t frames_per_position_;
  std::optional<detector_masks> aperture_;
  std::vector<weight_image> weighted_;
  std::vector<weight_image> weighted_squares_;
  bool second_;
};

}  // namespace countem::engine
