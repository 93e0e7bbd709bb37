#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "io/sources/flat/flat_source.hpp"
#include "io/sources/frame_axes.hpp"

namespace countem::io {

/// An array of frames in one file whose pixels do not lie frame by frame and row by row.
struct scattered_layout {
  flat_layout flat{};                   ///< shape and scan in the usual order; what is between frames has no meaning
  std::vector<std::uint64_t> extent{};  ///< by axis of the file, the slowest first
  frame_axes axes{};                    ///< of the file
  std::uint64_t block_bytes = std::uint64_t{64} << 20;  ///< of frames that are put together at once, if one is not more
};

/// Frames are put together in memory, in blocks where they are read one after another; the bytes of two blocks are kept. The
/// file must hold all that the layout claims. @throws format_error
[[nodiscard]] std::unique_ptr<frame_source> open_scattered(file_handle file, const input_format& format,
                                                           const scattered_layout& layout, const source_options& options,
                                                           issue_list issues);

}  // namespace countem::io
