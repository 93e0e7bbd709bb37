#include "io/sources/hdf5/unmapped.hpp"

#include <algorithm>
#include <utility>

namespace countem::io {

unmapped_boxes::rectangle unmapped_boxes::pixels_of(std::span<const hsize_t> first, std::span<const hsize_t> end) const {
  return {first[axes_.row], end[axes_.row], first[axes_.column], end[axes_.column]};
}

void unmapped_boxes::add(std::span<const hsize_t> first, std::span<const hsize_t> end) {
  std::uint64_t frames = 1;
  for (const std::size_t axis : axes_.scan) frames *= end[axis] - first[axis];
  frames_[pixels_of(first, end)] += frames;
  boxes_.push_back({{first.begin(), first.end()}, {end.begin(), end.end()}});
}

std::vector<std::uint8_t> unmapped_boxes::gaps() const {
  if (frames_.empty()) return {};
  const std::size_t height = extent_[axes_.row];
  const std::size_t width = extent_[axes_.column];
  std::uint64_t all = 1;
  for (const std::size_t axis : axes_.scan) all *= extent_[axis];
  // From row to row, how many more frames lack a column than the one before it; sums wrap around on the way.
  std::map<hsize_t, std::vector<std::pair<hsize_t, std::uint64_t>>> changes;
  for (const auto& [pixels, frames] : frames_) {
    const auto [row, row_end, column, column_end] = pixels;
    changes[row].insert(changes[row].end(), {{column, frames}, {column_end, 0 - frames}});
    changes[row_end].insert(changes[row_end].end(), {{column, 0 - frames}, {column_end, frames}});
  }
  std::vector<std::uint64_t> more(width + 1);
  std::vector<std::uint8_t> gaps(height * width);
  for (std::size_t row = 0; row < height; ++row) {
    if (const auto here = changes.find(row); here != changes.end()) {
      for (const auto& [column, frames] : here->second) more[column] += frames;
    }
    std::uint64_t lacking = 0;
    for (std::size_t column = 0; column < width; ++column) {
      lacking += more[column];
      gaps[row * width + column] = lacking >= all ? 1 : 0;
    }
  }
  const auto count = static_cast<std::size_t>(std::count(gaps.begin(), gaps.end(), std::uint8_t{1}));
  if (count == 0 || count == gaps.size()) return {};
  return gaps;
}

void unmapped_boxes::use_others(const std::vector<std::uint8_t>& gaps, const box_use& use) const {
  const std::size_t width = extent_[axes_.column];
  std::map<rectangle, bool> is_gap;
  for (const auto& [pixels, frames] : frames_) {
    const auto [row, row_end, column, column_end] = pixels;
    bool all = !gaps.empty();
    for (hsize_t at = row; at < row_end && all; ++at) {
      const auto line = gaps.begin() + static_cast<std::ptrdiff_t>(at * width);
      all = std::find(line + static_cast<std::ptrdiff_t>(column), line + static_cast<std::ptrdiff_t>(column_end),
                      std::uint8_t{0}) == line + static_cast<std::ptrdiff_t>(column_end);
    }
    is_gap[pixels] = all;
  }
  for (const box& some : boxes_) {
    if (!is_gap.at(pixels_of(some.first, some.end))) use(some.first, some.end);
  }
}

}  // namespace countem::io
