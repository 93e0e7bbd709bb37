#pragma once

#include <cstdint>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/counting.hpp>
#include <countem/frame.hpp>

namespace countem::reference {

/// Charges of a frame in 1/16 ADU, row-major; `no_charge` where a pixel has none. Row noise or the frame's shift is already
/// subtracted, as the options have it.
[[nodiscard]] std::vector<std::int32_t> charges(const frame_view& frame, const calibration& calibrated,
                                                const counting_options& options);

/// A pixel's raw value; exact, since every u32 and every f32 is a double.
[[nodiscard]] double raw_value(const frame_view& frame, std::uint32_t row, std::uint32_t column);

}  // namespace countem::reference
