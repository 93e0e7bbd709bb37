#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/sources/source_issues.hpp"

namespace countem::io {

/// A frame of a series: its place in the scan, or none where it was taken before or after the scan.
inline constexpr std::uint64_t outside_tvips_scan = ~std::uint64_t{0};

/// Places of frames by the counter of scan positions in their headers, which may lag behind: it stays for some frames and then
/// leaps. Between two of its steps frames are consecutive positions; those too many belong to no position, those too few are
/// missing. Where the counter never steps, or steps back within the scan, frames are in their order.
[[nodiscard]] std::vector<std::uint64_t> tvips_positions(const std::vector<std::uint32_t>& counters,
                                                         const std::filesystem::path& file, issue_list& issues);

}  // namespace countem::io
