#pragma once

#include <memory>

#include "io/sources/flat/flat_source.hpp"

namespace countem::io {

/// Frames whose pixels lie apart: first pixel 0 of every frame, then pixel 1 of every frame, and so on, from offset_bytes on.
/// Blocks of frames are put together in memory, up to 64 MiB or one frame each, of which two are kept. The file must hold all
/// that the layout claims. @throws format_error
[[nodiscard]] std::unique_ptr<frame_source> open_scattered(file_handle file, const input_format& format,
                                                           const flat_layout& layout, const source_options& options,
                                                           issue_list issues);

}  // namespace countem::io
