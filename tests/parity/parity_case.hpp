#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <countem/counting.hpp>

namespace countem::parity {

/// Frames with everything that counting depends on; owns the pixels that the views show.
struct parity_case {
  counting_setup setup;
  std::vector<std::vector<std::byte>> storage;
  std::vector<frame_view> frames;
};

/// What the drawn frames look like.
enum class content : std::uint8_t {
  clouds,     ///< noise and charge clouds at some occupancy from 0 to 50 %
  scattered,  ///< single pixels, each a hit with some probability
  full,       ///< every pixel is a hit
  flat,       ///< few different values: ties and plateaus
  extreme,    ///< zero, the type's largest values and, for f32, NaN and infinities
  spiral,     ///< one long winding component
  comb,       ///< many arms that join at the far end only
  stripes,    ///< columns of hits, every other one
  count_,     ///< how many there are
};

/// One more than the cpu backend counts side by side.
inline constexpr std::uint64_t frames_for_cpu = 5;

/// A case that depends on the seed and on `most_frames` alone: any size, pixel type, layout in memory, calibration, options and
/// content.
[[nodiscard]] parity_case random_case(std::uint64_t seed, std::uint64_t most_frames = 3);

/// A case of one frame: 16-bit pixels, one threshold, the given content.
[[nodiscard]] parity_case plain_case(frame_shape shape, content kind, double occupancy, std::uint64_t seed);

/// Two frames of a detector that counts by itself, for method counts; `occupancy` of the pixels are not 0.
[[nodiscard]] parity_case counts_case(frame_shape shape, pixel_type type, double occupancy, bool masked, std::uint64_t seed);

[[nodiscard]] std::string describe(const parity_case& drawn);

/// What differs between two results, as one sentence; empty when nothing does.
[[nodiscard]] std::string difference(const event_batch& expected, const event_batch& found);

/// Counts with both and compares.
[[nodiscard]] std::string compare_with_reference(const parity_case& drawn, counter& tested);

}  // namespace countem::parity
