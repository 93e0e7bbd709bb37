#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/frame_source.hpp>

#include "io/source_issues.hpp"

// What open_source() chooses from. Each opener takes existing regular files, none of them twice.
namespace countem::io {

/// No scan has more frames: 2^28, 178 TB of 4D Camera frames. What is kept per frame stays within a few GB.
inline constexpr std::uint64_t max_scan_frames = std::uint64_t{1} << 28;

/// @throws invalid_argument when the scan the caller gave is empty or has more than max_scan_frames frames.
void check_given_scan(const scan_shape& scan);

/// The scan that `frames` frames of a format without scan positions make: the one given, or one line. A given scan that needs
/// more frames than there are is filled as far as they reach; one that needs fewer leaves the rest out. Both are issues.
[[nodiscard]] scan_shape scan_of_sequence(std::uint64_t frames, const std::optional<scan_shape>& given, const std::filesystem::path& file,
                                          issue_list& issues);

/// 4D Camera versions 3 to 5 (io/camera_format.hpp); `issues` holds what was found so far.
[[nodiscard]] std::unique_ptr<frame_source> open_camera_records(const std::vector<std::filesystem::path>& files, input_format format,
                                                                const source_options& options, issue_list issues);

/// The version of 4D Camera records (v3 or v5) whose record length the headers of the files fit; v4 and v5 have the same length
/// and cannot be told apart. Nothing when neither fits.
[[nodiscard]] std::optional<input_format> guess_camera_version(const std::vector<std::filesystem::path>& files);

}  // namespace countem::io
