#pragma once

#include <functional>
#include <memory>

#include <countem/frame_source.hpp>

namespace countem::io {

/// Opens the frames of a recording by the given options, which hold a plain path.
using recording_opener = std::function<std::unique_ptr<frame_source>(const source_options& options)>;

/// The scan that recorded frames make along options.path; the recording itself where that is plain. It is opened a second time
/// where it holds more frames than the scan that it claims, which may be among those of the path. What does not fit becomes an
/// issue.
/// @throws invalid_argument where the path needs a scan's size that is neither given nor known; format_error where no frame is
/// in the scan
[[nodiscard]] std::unique_ptr<frame_source> along_path(const recording_opener& open, const source_options& options);

}  // namespace countem::io
