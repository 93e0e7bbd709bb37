#pragma once

#include <cstdint>
#include <span>

#include <countem/reductions.hpp>

namespace countem {

/// The unscattered beam on a summed pattern.
struct bright_disk {
  detector_point centre;  ///< detector pixels
  double radius = 0;      ///< detector pixels; that of a disk of the same area
  bool found = true;      ///< false: the pattern shows no disk, and centre and radius are guesses
};

/// Finds the largest patch that is at least half as bright as the brightest, on a coarse copy in which single hot pixels
/// weigh little. A pattern without events gives the middle of the frame and a quarter of its shorter side. `found` is false for
/// it, and for a patch of fewer than 32 events, of an outline far from a disk's, or wider than the frame's shorter side.
/// @throws invalid_argument when `sum` is not of the frame's size.
[[nodiscard]] bright_disk find_bright_disk(std::span<const std::uint64_t> sum, frame_shape shape);

}  // namespace countem
