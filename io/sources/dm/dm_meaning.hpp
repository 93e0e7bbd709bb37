#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/sources/pixel_conversion.hpp"
#include "io/sources/stated_axes.hpp"

// What Digital Micrograph means by its tags, which are the same in DM3, DM4 and DM5.
namespace countem::io {

/// The pixels of this DataType; empty for complex numbers, colours and packed ones.
[[nodiscard]] std::optional<stored_type> dm_pixel_type(std::uint64_t data_type);

/// The axis of a calibration: index i lies at (i - origin) * scale.
[[nodiscard]] stated_axis dm_axis(double origin, double scale, std::string units);

}  // namespace countem::io
