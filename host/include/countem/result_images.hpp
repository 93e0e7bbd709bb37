#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/reduction_plan.hpp>
#include <countem/saved_image.hpp>
#include <countem/types.hpp>

namespace countem {

/// How much of the results is worked out.
enum class image_detail : std::uint8_t {
  preview,  ///< all but the values of phase_error: for pictures of a scan that is being counted
  full,     ///< all
};

/// The results as images for files: counts, sum, maximum, com_row, com_column, radial, one virtual_N and weighted_N each,
/// phase, phase_error, radial_sum and radial_mean, with radial_radius and radial_pixels, as far as the plan asks for them;
/// with plan.errors NAME_error behind each virtual_N, weighted_N, com_ and radial result.
[[nodiscard]] std::vector<saved_image> images_of(const reduction_result& result, const reduction_plan& plan, frame_shape grid,
                                                 const scan_shape& scan, image_detail detail = image_detail::full);

/// The profile of a summed pattern as the images radial_sum, electrons in each ring, and radial_mean, electrons per used pixel
/// of the ring; NaN where none lies in it. With errors, radial_sum_error = sqrt(radial_sum) and radial_mean_error, that divided
/// by the pixels, too.
[[nodiscard]] std::vector<saved_image> radial_profile(std::span<const std::uint64_t> sum, const ring_map& rings,
                                                      bool with_errors = false);

}  // namespace countem
