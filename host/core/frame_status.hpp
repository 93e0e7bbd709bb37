#pragma once

#include <cstdint>

#include <countem/counting.hpp>

namespace countem {

/// Whether a frame of this status lacks nothing: every sector arrived, and none was cut short.
[[nodiscard]] constexpr bool is_complete(std::uint8_t status) {
  return (status & status_sectors) == all_sectors && (status & status_truncated) == 0;
}

}  // namespace countem
