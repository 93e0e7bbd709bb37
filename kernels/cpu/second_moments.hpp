#pragma once

#include <cstdint>
#include <vector>

#include <countem/reductions.hpp>

#include "kernels/cpu/reduce_simd.hpp"

namespace countem::cpu {

/// Sums up to second order, of frames of any size; they must fit 64 bits.
[[nodiscard]] event_second_moments frame_second_moments(frame_events events, frame_shape shape);

/// The events whose pixel has the lowest bit of `inside` set, in `scratch`, until it is used again.
[[nodiscard]] frame_events keep_inside(frame_events events, const std::vector<std::uint8_t>& inside,
                                       std::vector<std::uint32_t>& scratch);

}  // namespace countem::cpu
