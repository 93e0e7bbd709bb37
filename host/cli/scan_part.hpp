#pragma once

#include <string>

#include <countem/scan_window.hpp>

namespace countem::cli {

/// The positions that --scan-crop names; empty: all. @throws as parse_ranges() does
[[nodiscard]] inline scan_window scan_part(const std::string& text, const scan_shape& scan) {
  if (text.empty()) return whole(scan);
  const index_ranges part = parse_ranges(text, scan.height, scan.width);
  return {part.row, part.column, part.row_end - part.row, part.column_end - part.column};
}

}  // namespace countem::cli
