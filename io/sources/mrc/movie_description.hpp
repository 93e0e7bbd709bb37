#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <countem/types.hpp>

#include "io/sources/source_issues.hpp"
#include "io/sources/stated_axes.hpp"

// NAME_info.txt beside NAME_movie.mrc: what a Direct Electron camera notes of an acquisition, a line "name = value" each.
namespace countem::io {

struct movie_description {
  std::optional<scan_shape> scan;  ///< of a raster with as many positions as there are frames
  stated_axes axes;
};

/// Empty where the movie has no description. A scan that is no raster, or not of so many frames, is an issue, and so are
/// numbers that cannot be read. Where a scan is `given`, its size is that
/// of the file if the steps are to be of use; that of the file shows the frames at each position all the same, without an
/// issue.
[[nodiscard]] movie_description movie_description_of(const std::filesystem::path& movie, std::uint64_t frames,
                                                     const std::optional<scan_shape>& given, issue_list& issues);

}  // namespace countem::io
