#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace countem::fuzz {

/// Small sound inputs of try_source() for formats that instruments write, without the first byte. Each name begins with that of
/// its format, up to "_".
[[nodiscard]] std::vector<std::pair<std::string, std::vector<std::uint8_t>>> instrument_seeds();

}  // namespace countem::fuzz
