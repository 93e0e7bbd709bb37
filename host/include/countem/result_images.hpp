#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <countem/reduction_plan.hpp>
#include <countem/saved_image.hpp>
#include <countem/store_geometry.hpp>
#include <countem/types.hpp>

namespace countem {

/// How much of the results is worked out.
enum class image_detail : std::uint8_t {
  preview,  ///< all but the values of phase_error: for pictures of a scan that is being counted
  full,     ///< all
};

/// What the indices of a result mean.
struct result_axes {
  frame_shape grid{};         ///< cells of a frame
  scan_shape scan{};          ///< positions
  store_geometry geometry{};  ///< where both lie
};

/// Takes profiles [position * rings + ring] of consecutive positions.
using profile_taker = std::function<void(std::span<const std::uint64_t> profiles)>;
/// Gives the profiles of all positions in order, anew each time it is called.
using profile_source = std::function<void(const profile_taker& take)>;

/// The axes of an image of the detector, in mrad where the geometry knows them.
[[nodiscard]] image_axes detector_axes(const store_geometry& geometry);
/// The axes of a map of the scan, in nm where the geometry knows them.
[[nodiscard]] image_axes scan_axes(const store_geometry& geometry);

/// The results as images for files: counts, sum, maximum, com_row, com_column, radial, one virtual_N and weighted_N each,
/// phase, phase_error, radial_sum and radial_mean, with radial_radius and radial_pixels, as far as the plan asks for them;
/// with plan.errors NAME_error behind each virtual_N, weighted_N, com_ and radial result. `plan` is in detector pixels, as it
/// was before in_cells(). With `profiles` the result holds none (but their number of rings), and images of profiles are
/// streamed: the source is asked when they are written. Where frames lack something, values are NaN where nothing of what they
/// are made of arrived, and each image X is followed by X_completeness, the share that did (docs/reductions.md, "Incomplete
/// frames").
[[nodiscard]] std::vector<saved_image> images_of(const reduction_result& result, const reduction_plan& plan,
                                                 const result_axes& axes, image_detail detail = image_detail::full,
                                                 profile_source profiles = {});

}  // namespace countem
