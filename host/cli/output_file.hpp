#pragma once

#include <filesystem>
#include <span>

#include <countem/frame_source.hpp>

namespace countem::cli {

/// Decides whether the file at a path is one that the command may replace.
using replaceable = bool (*)(const std::filesystem::path&);

/// The file is an event store.
[[nodiscard]] bool is_event_store(const std::filesystem::path& path);
/// The file is a calibration and nothing more: an event store holds one, too.
[[nodiscard]] bool is_calibration_file(const std::filesystem::path& path);

/// Checks an output's path before any work is spent on it. What exists there is replaced only where it is empty or
/// `may_replace` allows it: a mistyped pattern of files must not cost raw data.
/// @throws invalid_argument it is one of the files that are read, or a file of another kind; io_error it is a directory, or its
/// own directory is not there
void require_output(const std::filesystem::path& output, std::span<const input_file> read, replaceable may_replace);

}  // namespace countem::cli
