#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <countem/frame_source.hpp>
#include <countem/scan_path.hpp>

#include "io/sources/source_issues.hpp"

// Checks of scans and shapes that all formats share.
namespace countem::io {

/// No scan has more frames: 2^28, 178 TB of 4D Camera frames. What is kept per frame stays within a few GB.
inline constexpr std::uint64_t max_scan_frames = std::uint64_t{1} << 28;

/// @throws invalid_argument when the scan the caller gave (source_options::scan) is empty or has more than max_scan_frames
/// frames.
void check_given_scan(const scan_shape& scan);

/// A number of frames in a header is only a claim of a few bytes, and something is kept for each of them: above 2^24, at least
/// one in 64 must be in the files.
[[nodiscard]] bool is_plausible_claim(std::uint64_t frames, std::uint64_t frames_found);

/// @throws format_error unless the size of a scan in a header is a plausible claim.
void check_claimed_scan(const scan_shape& claimed, std::uint64_t frames_found, const std::filesystem::path& file);

/// The scan made by `complete` frames of a format that stores them in scan order: the one the caller gave, else the one the
/// file claims, else one line. Frames that are missing or too many are issues. @throws format_error
[[nodiscard]] scan_shape scan_of_sequence(std::uint64_t complete, const std::optional<scan_shape>& claimed,
                                          const std::optional<scan_shape>& given, const std::filesystem::path& file,
                                          issue_list& issues);

/// Makes what the files state of the axes of their scan that of the scan which is opened: where this is a part of the stated
/// one, its origin moves; where it is another, step and origin are not known, which is an issue.
void place_stated_scan(source_info& info, const std::filesystem::path& file, issue_list& issues);

/// Recorded frames that the order lacks or leaves over are issues.
void add_misfit(const frame_order& order, const std::filesystem::path& file, issue_list& issues);

/// @throws format_error unless a frame has 1 to 2^32 - 1 pixels.
void check_frame_shape(frame_shape shape, const std::string& name);

/// @throws format_error unless an array has 2 to 5 axes, none empty; `image`: as extent_of_array() has it.
void check_extent(const std::vector<std::uint64_t>& axes, const std::string& name,
                  const std::optional<frame_shape>& image = {});

/// Frames and scan that an array's axes stand for: (row, column), (frame, row, column), (scan row, scan column, row, column)
/// or (scan row, scan column, repeat, row, column). `image`: one image of this shape is wanted. @throws format_error
struct array_extent {
  frame_shape shape{};
  scan_shape scan{};
};
[[nodiscard]] array_extent extent_of_array(const std::vector<std::uint64_t>& axes, const std::string& name,
                                           const std::optional<frame_shape>& image = {});

}  // namespace countem::io
