#pragma once

#include <cstddef>

namespace countem::bench {

/// How fast the current device reads its own memory, GB/s: the floor of anything that must read every pixel once. A kernel
/// adds up a buffer of so many bytes, much larger than the device's caches; the median of several rounds.
/// @throws cuda_error when the device fails.
[[nodiscard]] double device_read_gigabytes_per_s(std::size_t bytes);

/// Virtual images from dense frames that lie on the device, frames of 576 x 576 u16 a second: what reductions from events
/// replace.
[[nodiscard]] double dense_virtual_frames_per_s(std::size_t frames);

}  // namespace countem::bench
