#pragma once

#include <cstdint>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/frame.hpp>

namespace countem::cpu {

/// Charges of a frame in 1/16 ADU, row-major, `no_charge` where a pixel has none: what the reference gives without row noise.
[[nodiscard]] std::vector<std::int32_t> charges(const frame_view& frame, const calibration& calibrated);

}  // namespace countem::cpu
