#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <countem/reduction_plan.hpp>
#include <countem/reductions.hpp>
#include <countem/types.hpp>

namespace countem::engine {

/// The sums from which centres of mass follow, as a plan asks for them: all events or those in an aperture, up to first or
/// second order, or weighted by their pixels. Sums are exact; those of weights up to the 2^-30 of weight_image.
class centre_sums {
 public:
  /// Makes room in `result`.
  centre_sums(const reduction_plan& plan, frame_shape shape, detector_point centre, const scan_shape& scan,
              reduction_result& result);

  /// Adds `frames` frames, the first of which is `first_frame` of the scan, with a reducer that has loaded them.
  void add(event_reducer& reducer, std::uint64_t first_frame, std::size_t frames, reduction_result& result);

 private:
  void make_weighted(const event_aperture& aperture, const reduction_plan& plan);
  [[nodiscard]] std::vector<weight_image> places(const std::vector<double>& weights, std::size_t number) const;
  void add_plain(event_reducer& reducer, std::uint64_t first_frame, std::size_t frames, reduction_result& result);
  void add_second(event_reducer& reducer, std::uint64_t first_frame, std::size_t frames, reduction_result& result);
  void add_weighted(event_reducer& reducer, std::uint64_t first_frame, std::size_t frames,
                    const std::vector<weight_image>& images, std::vector<weighted_moments>& sums);

  frame_shape shape_;
  std::uint64_t frames_per_position_;
  std::optional<detector_masks> aperture_;
  std::vector<weight_image> weighted_;
  std::vector<weight_image> weighted_squares_;
  bool second_;

  // Scratch.
  std::vector<event_moments> moments_;
  std::vector<event_second_moments> second_moments_;
  std::vector<std::int64_t> sums_;
};

}  // namespace countem::engine
