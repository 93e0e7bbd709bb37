#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <countem/frame_source.hpp>

#include "io/files/file.hpp"
#include "io/sources/pixel_conversion.hpp"
#include "io/sources/placed_source.hpp"
#include "io/sources/source_issues.hpp"

namespace countem::io {

/// Frames of one shape at equal distances in one file.
struct flat_layout {
  frame_shape shape{};
  stored_type type = stored_type::u16;
  bool big_endian = false;
  /// As frame_coding has them.
  std::uint64_t packed_bytes = 0;
  std::function<void(const std::byte* packed, std::byte* pixels)> unpack{};
  std::uint64_t offset_bytes = 0;  ///< before the first frame
  std::uint64_t gap_bytes = 0;     ///< between one frame and the next
  bool more_behind = false;        ///< whether other things than frames may follow the last one
  /// What the file's header claims; empty: as many frames as the file holds, in one line.
  std::optional<scan_shape> claimed{};
  source_info known{};  ///< what else is known of the scan; the members that follow from the file are filled in
};

/// Those that a file holds.
struct flat_frames {
  frame_coding coding{};
  std::uint64_t complete = 0;  ///< at least 1
  bool cut_short = false;      ///< whether the frame behind them has begun
  frame_run run{};             ///< of those that are complete, numbered from 0
};

/// What is too much or too little becomes an issue. @throws format_error when not one frame is whole, or sizes make no sense
[[nodiscard]] flat_frames flat_frames_of(const file_handle& file, const flat_layout& layout, issue_list& issues);

/// Frames that the file is too short for are missing; one that is cut short is `truncated`.
/// @throws format_error when not one frame is whole, or sizes make no sense.
[[nodiscard]] std::unique_ptr<frame_source> open_flat(file_handle file, const input_format& format, const flat_layout& layout,
                                                      const source_options& options, issue_list issues);

}  // namespace countem::io
