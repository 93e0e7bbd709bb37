#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <countem/frame_source.hpp>

namespace countem::io {

/// Detectors of DECTRIS write one of the two greatest numbers of a pixel's type where a pixel does not count: gaps, dead
/// pixels, more than the counter holds. Marks those that hold one in all of a few frames over the scan, and returns how many
/// were not marked before. `masked`: by pixel, or empty. Frames of floating point, and those that cannot be read, mark nothing.
std::size_t mark_sentinels(const frame_source& frames, std::vector<std::uint8_t>& masked);

}  // namespace countem::io
