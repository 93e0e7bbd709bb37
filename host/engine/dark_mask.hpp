#pragma once

#include <cstdint>
#include <vector>

#include <countem/types.hpp>

// Which pixels cannot be trusted, from their dark frames. All comparisons are with medians, so that bad pixels do not shift
// what they are compared with.
//
//   dead      never read out at all; or never changed, in so many frames that a pixel with the detector's typical noise would
//             have done so with a probability below 10^-9 (14 frames at 2 ADU noise, 4 at 20 ADU; float pixels: 3)
//   blinking  temporal sigma above twice the detector's median and more than 8 robust sigmas above it
//   hot       dark mean above the median of its 5 x 5 neighbourhood by more than 8 of the largest of: the robust sigma of that
//             difference over the detector (pixel structure), the detector's median temporal sigma, 1/16 ADU
//
// An X-ray or a cosmic ray in a dark frame makes its pixels blink; they are masked because their means are wrong.
namespace countem::engine {

/// What is known of each dark pixel.
struct dark_statistics {
  frame_shape shape{};
  bool integer = true;               ///< the detector's values are whole ADU
  std::vector<std::uint32_t> count;  ///< frames in which the pixel arrived
  std::vector<float> mean_adu;       ///< anything where count is 0
  std::vector<float> sigma_adu;      ///< n - 1; NaN where count is below 2
};

/// mask_reason bits for each pixel.
[[nodiscard]] std::vector<std::uint8_t> mask_from(const dark_statistics& darks, unsigned threads);

}  // namespace countem::engine
