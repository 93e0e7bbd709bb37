#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/frame.hpp>

namespace countem::cpu {

/// Charges of a frame in 1/16 ADU, row-major, `no_charge` where a pixel has none: what the reference gives without row noise.
[[nodiscard]] std::vector<std::int32_t> charges(const frame_view& frame, const calibration& calibrated);

/// Subtracts from these charges what background_method::frame does.
void subtract_shift(std::span<std::int32_t> charges, frame_shape shape);

}  // namespace countem::cpu
