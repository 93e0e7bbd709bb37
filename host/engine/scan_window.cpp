#include <countem/scan_window.hpp>

#include <charconv>
#include <string>
#include <utility>

#include <countem/error.hpp>

namespace countem {

namespace {

/// A bound before or after the colon; `otherwise` where none is given.
std::uint32_t parse_bound(std::string_view text, std::uint32_t otherwise, std::string_view whole_text) {
  if (text.empty()) return otherwise;
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size())
    throw invalid_argument("'" + std::string(whole_text) + "' is not of the form ROW:ROW,COLUMN:COLUMN, as 10:50,0:32");
  return value;
}

std::pair<std::uint32_t, std::uint32_t> parse_range(std::string_view text, std::uint32_t length, std::string_view whole_text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos)
    throw invalid_argument("'" + std::string(whole_text) + "' is not of the form ROW:ROW,COLUMN:COLUMN, as 10:50,0:32");
  const std::uint32_t first = parse_bound(text.substr(0, colon), 0, whole_text);
  const std::uint32_t end = parse_bound(text.substr(colon + 1), length, whole_text);
  if (first >= end || end > length) {
    throw invalid_argument("'" + std::string(whole_text) + "': " + std::string(text) + " is empty or reaches beyond " +
                           std::to_string(length));
  }
  return {first, end};
}

}  // namespace

void validate(const scan_window& window, const scan_shape& scan) {
  if (window.height == 0 || window.width == 0 || window.row > scan.height || window.height > scan.height - window.row ||
      window.column > scan.width || window.width > scan.width - window.column) {
    throw invalid_argument("rows " + std::to_string(window.row) + " to " + std::to_string(window.row + window.height) +
                           ", columns " + std::to_string(window.column) + " to " +
                           std::to_string(window.column + window.width) + " are no part of a scan of " +
                           std::to_string(scan.height) + " x " + std::to_string(scan.width) + " positions (height x width)");
  }
}

index_ranges parse_ranges(std::string_view text, std::uint32_t height, std::uint32_t width) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos)
    throw invalid_argument("'" + std::string(text) + "' is not of the form ROW:ROW,COLUMN:COLUMN, as 10:50,0:32");
  const auto [row, row_end] = parse_range(text.substr(0, comma), height, text);
  const auto [column, column_end] = parse_range(text.substr(comma + 1), width, text);
  return {row, row_end, column, column_end};
}

}  // namespace countem
