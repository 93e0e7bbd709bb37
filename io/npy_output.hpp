#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace countem::io {

/// The header of a .npy file of format 1.0 for a row-major array: `type` as numpy writes it, "<u2"; no extent: a scalar.
[[nodiscard]] std::string npy_header_of(std::string_view type, std::span<const std::uint64_t> extent);

}  // namespace countem::io
