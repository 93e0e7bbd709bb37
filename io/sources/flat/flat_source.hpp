#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <countem/frame_source.hpp>

#include "io/files/file.hpp"
#include "io/sources/pixel_conversion.hpp"
#include "io/sources/source_issues.hpp"

namespace countem::io {

/// Frames of one shape at equal distances in one file.
struct flat_layout {
  frame_shape shape{};
  stored_type type = stored_type::u16;
  bool big_endian = false;
  std::uint64_t offset_bytes = 0;  ///< before the first frame
  std::uint64_t gap_bytes = 0;     ///< between one frame and the next
  /// What the file's header claims; empty: as many frames as the file holds, in one line.
  std::optional<scan_shape> claimed;
};

/// Frames that the file is too short for are missing; one that is cut short is `truncated`.
/// @throws format_error when not one frame is whole, or sizes make no sense.
[[nodiscard]] std::unique_ptr<frame_source> open_flat(file_handle file, input_format format, const flat_layout& layout,
                                                      const source_options& options, issue_list issues);

/// The layout that a .npy file's header describes. @throws format_error
[[nodiscard]] flat_layout npy_layout(const file_handle& file);

/// The layout that an MRC file's header describes. @throws format_error
[[nodiscard]] flat_layout mrc_layout(const file_handle& file);

}  // namespace countem::io
