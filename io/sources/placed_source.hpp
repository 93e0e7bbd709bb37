#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <countem/frame_source.hpp>

#include "io/files/file.hpp"
#include "io/sources/pixel_conversion.hpp"
#include "io/sources/source_issues.hpp"

// Frames at places that are known from headers: what most formats come to, once their headers are read.
namespace countem::io {

/// How the pixels of one frame lie in its file.
struct frame_coding {
  frame_shape shape{};
  stored_type type = stored_type::u16;  ///< of the pixels, unpacked
  bool big_endian = false;              ///< of pixels that need no unpacking
  std::uint64_t packed_bytes = 0;       ///< of a frame that must be unpacked
  /// Makes the pixels of a frame, in native byte order, from its bytes. Empty: the bytes are the pixels.
  std::function<void(const std::byte* packed, std::byte* pixels)> unpack{};

  [[nodiscard]] std::uint64_t pixel_bytes() const { return shape.pixels() * size_of(type); }
  [[nodiscard]] std::uint64_t file_bytes() const { return unpack ? packed_bytes : pixel_bytes(); }  ///< of a frame
};

/// Consecutive frames at equal distances in one file.
struct frame_run {
  std::uint64_t first = 0;  ///< number of the first one in the scan
  std::uint64_t frames = 0;
  std::size_t file = 0;
  std::uint64_t offset_bytes = 0;    ///< of the first one
  std::uint64_t distance_bytes = 0;  ///< from one to the next

  [[nodiscard]] std::uint64_t end() const { return first + frames; }
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t number) const { return offset_bytes + (number - first) * distance_bytes; }
};

/// Adds one frame behind those that are there: to the last run where it continues it.
void append_frame(std::vector<frame_run>& runs, std::uint64_t number, std::size_t file, std::uint64_t offset_bytes);

/// A scan whose frames were found; frames between and behind the runs are missing.
struct placed_scan {
  input_format format;
  frame_coding coding{};
  std::vector<file_handle> files{};
  std::vector<frame_run> runs{};           ///< ascending, each wholly in its file
  std::vector<std::uint64_t> cut_short{};  ///< ascending: missing frames that have begun in a file
  std::optional<scan_shape> claimed{};     ///< empty: one line of all frames
  source_info known{};                     ///< what else is known; the members that follow from the others are filled in
};

/// Checks the scan against what was found, and what is missing becomes an issue. @throws format_error
[[nodiscard]] std::unique_ptr<frame_source> open_placed(placed_scan scan, const source_options& options, issue_list issues);

}  // namespace countem::io
