#pragma once

#include <filesystem>
#include <span>

#include <countem/output.hpp>

#include "io/sources/camera/records.hpp"

namespace countem::io {

/// Keeps the headers of records that were read. @throws io_error
void save_headers(std::span<const record_file> files, const camera_layout& layout, const std::filesystem::path& output,
                  const output_rules& rules);

/// Fills `headers` of files that were opened at this layout with those that were kept. A file must have the name and the size
/// that it had, and some of its headers are read, evenly spread: they must be the same.
/// @throws format_error naming the file that is another; io_error, interrupted
void load_headers(std::span<record_file> files, const camera_layout& layout, const std::filesystem::path& kept);

}  // namespace countem::io
