#pragma once

#include <vector>

#include <countem/frame_source.hpp>

#include "io/sources/camera/records.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/source_issues.hpp"

namespace countem::io {

/// The records of all files in scan order.
struct record_index {
  scan_shape scan{};
  frame_index frames;
};

/// Sorts the records of a scan by position, frame number and sector. The scan is options.scan, else the one that `identity`
/// names; the position with the most frames sets how many every position has. Records that cannot be used, are repeated or
/// lacking become issues. @throws format_error, invalid_argument
[[nodiscard]] record_index index_records(const std::vector<record_file>& files, const camera_layout& layout,
                                         const scan_identity& identity, const source_options& options, issue_list& issues);

}  // namespace countem::io
