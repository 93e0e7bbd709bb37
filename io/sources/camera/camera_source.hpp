#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <countem/frame_source.hpp>
#include <countem/record_headers.hpp>

#include "io/sources/source_issues.hpp"

namespace countem::io {

/// Versions 3 to 5 (format.hpp): records. `issues` holds what was found so far. @throws as open_source()
[[nodiscard]] std::unique_ptr<frame_source> open_camera_records(const std::vector<std::filesystem::path>& files,
                                                                const input_format& format, const source_options& options,
                                                                issue_list issues);

/// Keeps the headers of records, versions 3 to 5. @throws as save_record_headers()
[[nodiscard]] kept_headers save_camera_headers(const std::vector<std::filesystem::path>& files, const input_format& format,
                                               const source_options& options, issue_list issues,
                                               const std::filesystem::path& output, const output_rules& rules);

/// Versions 1 and 2 (block_source.cpp): blocks of whole frames.
[[nodiscard]] std::unique_ptr<frame_source> open_camera_blocks(const std::vector<std::filesystem::path>& files,
                                                               const input_format& format, const source_options& options,
                                                               issue_list issues);

}  // namespace countem::io
