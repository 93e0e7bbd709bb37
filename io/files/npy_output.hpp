#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <countem/types.hpp>

namespace countem::io {

/// A scan of dense frames as an array: row, column, repeat where there are several, then the frame's row and column.
[[nodiscard]] std::vector<std::uint64_t> dense_extent(const scan_shape& scan, const frame_shape& frame);

/// The header of a .npy file of format 1.0 for a row-major array: `type` as numpy writes it, "<u2"; no extent: a scalar. It is
/// spaced as no other program spaces it, so that countem knows its own files.
[[nodiscard]] std::string npy_header_of(std::string_view type, std::span<const std::uint64_t> extent);

/// Whether a file is a whole .npy file of countem. @throws io_error
[[nodiscard]] bool is_own_npy(const std::filesystem::path& path);

}  // namespace countem::io
