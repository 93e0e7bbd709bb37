#include "io/files/mapped_parts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>

namespace countem::io {

void mapped_parts::add(std::size_t file, std::uint64_t offset, std::size_t bytes) {
  file_range& range = ranges_[file];
  range.begin = std::min(range.begin, offset);
  range.end = std::max(range.end, offset + bytes);
  range.wanted += bytes;
}

bool mapped_parts::map() {
  for (std::size_t file = 0; file < files_.size(); ++file) {
    const file_range& range = ranges_[file];
    if (range.wanted == 0) continue;
    const std::uint64_t bytes = range.end - range.begin;
    if (bytes > 2 * range.wanted || !is_cached(files_[file], range.begin, bytes)) return false;
  }
  for (std::size_t file = 0; file < files_.size(); ++file) {
    file_range& range = ranges_[file];
    if (range.wanted == 0) continue;
    range.mapped = mapped_range::map(files_[file], range.begin, range.end - range.begin);
    if (!range.mapped.empty()) continue;
    for (file_range& other : ranges_) other.mapped = {};
    return false;
  }
  return true;
}

void mapped_parts::check() const {
  for (std::size_t file = 0; file < files_.size(); ++file) {
    const file_range& range = ranges_[file];
    if (range.wanted == 0) continue;
    // Asked each time: behind the end of a file, the rest of its last page reads as zeros without any signal.
    const std::uint64_t bytes = files_[file].size();
    if (bytes < range.end) {
      throw io_error(
          fmt::format("{}: ends at byte {}, within frames that were being looked at: the file became shorter while it was read",
                      files_[file].path().string(), bytes));
    }
    if (!range.mapped.damaged()) continue;
    throw io_error(fmt::format("{}: bytes {} to {} could not all be read: see what the operating system says of its disk",
                               files_[file].path().string(), range.begin, range.end));
  }
}

}  // namespace countem::io
