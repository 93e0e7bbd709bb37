#include "host/engine/beam_pattern.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace countem {

namespace {

/// Larger patterns are merged: a beam is then many cells wide anyway, and the search stays fast.
constexpr double most_cells = 1.5e6;
/// A hot pixel has more than `hot_factor` times the third of its neighbours, and so many standard deviations of counting more.
/// The third: two hot pixels may touch, and a pixel of a disk of four pixels across still has three neighbours in it.
constexpr double hot_factor = 2;
constexpr double hot_sigmas = 8;

std::uint32_t block_of(frame_shape shape, std::uint32_t upsample) {
  const double pixels = static_cast<double>(shape.height) * shape.width;
  std::uint32_t block = std::max(1U, upsample);
  while (pixels / block / block > most_cells) block += std::max(1U, upsample);
  return block;
}

beam_pattern cells_of(std::vector<double> values, frame_shape shape, const beam_search& known) {
  beam_pattern pattern;
  pattern.block = block_of(shape, known.upsample);
  pattern.height = shape.height / pattern.block;
  pattern.width = shape.width / pattern.block;
  if (pattern.height == 0 || pattern.width == 0) {
    pattern.block = 1;
    pattern.height = shape.height;
    pattern.width = shape.width;
  }
  const auto masked = [&](std::size_t pixel) { return !known.masked.empty() && known.masked[pixel] != 0; };
  if (pattern.block == 1) {
    pattern.counts = std::move(values);
    pattern.used.assign(pattern.counts.size(), 1);
    for (std::size_t pixel = 0; pixel < known.masked.size(); ++pixel) pattern.used[pixel] = masked(pixel) ? 0 : 1;
  } else {
    pattern.counts.assign(std::size_t{pattern.height} * pattern.width, 0);
    pattern.used.assign(pattern.counts.size(), 1);
    for (std::uint32_t row = 0; row < pattern.height * pattern.block; ++row) {
      for (std::uint32_t column = 0; column < pattern.width * pattern.block; ++column) {
        const std::size_t pixel = std::size_t{row} * shape.width + column;
        const std::size_t cell = pattern.at(row / pattern.block, column / pattern.block);
        pattern.counts[cell] += values[pixel];
        if (masked(pixel)) pattern.used[cell] = 0;
      }
    }
  }
  return pattern;
}

/// The third of the values of the used neighbours, largest first; 0 where there are fewer.
double third_neighbour(const beam_pattern& pattern, std::uint32_t row, std::uint32_t column) {
  std::array<double, 3> most{0, 0, 0};
  for (std::uint32_t r = row == 0 ? 0 : row - 1; r <= std::min(row + 1, pattern.height - 1); ++r) {
    for (std::uint32_t c = column == 0 ? 0 : column - 1; c <= std::min(column + 1, pattern.width - 1); ++c) {
      if (r == row && c == column) continue;
      const double value = pattern.counts[pattern.at(r, c)];
      if (value <= most[2]) continue;
      most[2] = value;
      if (most[2] > most[1]) std::swap(most[1], most[2]);
      if (most[1] > most[0]) std::swap(most[0], most[1]);
    }
  }
  return most[2];
}

void drop_hot(beam_pattern& pattern) {
  std::vector<std::size_t> hot;
  for (std::uint32_t row = 0; row < pattern.height; ++row) {
    for (std::uint32_t column = 0; column < pattern.width; ++column) {
      const double value = pattern.counts[pattern.at(row, column)];
      if (value <= hot_sigmas) continue;
      const double third = third_neighbour(pattern, row, column);
      if (value > hot_factor * third + hot_sigmas * std::sqrt(third + 1)) hot.push_back(pattern.at(row, column));
    }
  }
  for (const std::size_t cell : hot) {
    pattern.counts[cell] = 0;
    pattern.used[cell] = 0;
  }
}

}  // namespace

void beam_pattern::sum_up() {
  const std::size_t stride = std::size_t{width} + 1;
  counts_before_.assign(stride * (std::size_t{height} + 1), 0);
  used_before_.assign(counts_before_.size(), 0);
  for (std::uint32_t row = 0; row < height; ++row) {
    double counts_in_row = 0;
    std::int32_t used_in_row = 0;
    for (std::uint32_t column = 0; column < width; ++column) {
      const std::size_t cell = at(row, column);
      counts_in_row += counts[cell];
      used_in_row += used[cell];
      const std::size_t next = (std::size_t{row} + 1) * stride + column + 1;
      counts_before_[next] = counts_before_[next - stride] + counts_in_row;
      used_before_[next] = used_before_[next - stride] + used_in_row;
    }
  }
}

beam_pattern make_beam_pattern(std::vector<double> values, frame_shape shape, const beam_search& known) {
  beam_pattern pattern = cells_of(std::move(values), shape, known);
  for (std::size_t cell = 0; cell < pattern.used.size(); ++cell) {
    if (pattern.used[cell] == 0) pattern.counts[cell] = 0;
  }
  drop_hot(pattern);
  pattern.sum_up();
  return pattern;
}

beam_pattern merged(const beam_pattern& pattern, std::uint32_t factor) {
  beam_pattern coarse;
  coarse.block = pattern.block * factor;
  coarse.height = pattern.height / factor;
  coarse.width = pattern.width / factor;
  coarse.counts.assign(std::size_t{coarse.height} * coarse.width, 0);
  coarse.used.assign(coarse.counts.size(), 1);
  for (std::uint32_t row = 0; row < coarse.height * factor; ++row) {
    for (std::uint32_t column = 0; column < coarse.width * factor; ++column) {
      const std::size_t cell = coarse.at(row / factor, column / factor);
      coarse.counts[cell] += pattern.counts[pattern.at(row, column)];
      if (pattern.used[pattern.at(row, column)] == 0) coarse.used[cell] = 0;
    }
  }
  coarse.sum_up();
  return coarse;
}

}  // namespace countem
