#include "host/analysis/tilt_image.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include <countem/error.hpp>

namespace countem::analysis {

namespace {

struct cell_shift {
  std::int64_t row;
  std::int64_t column;
};

cell_shift rounded(std::complex<double> shift, std::uint32_t factor) {
  return {std::llround(shift.real() * factor), std::llround(shift.imag() * factor)};
}

}  // namespace

tilt_image::tilt_image(const bright_field& disk, const scan_shape& scan, std::uint32_t factor, const pixel_shift& shift)
    : scan_(scan), factor_(factor), map_{disk.shape, {}} {
  std::int64_t farthest = 0;
  disk.for_pixels([&](std::uint64_t, double row, double column) {
    const cell_shift cells = rounded(shift(row, column), factor);
    farthest = std::max({farthest, std::abs(cells.row), std::abs(cells.column)});
  });
  if (farthest > std::int64_t{factor} * std::max(scan.height, scan.width)) {
    throw invalid_argument("bright-field images are displaced by up to " + std::to_string(farthest / factor) +
                           " scan steps, more than the scan of " + std::to_string(scan.height) + " x " +
                           std::to_string(scan.width) + " positions has");
  }
  margin_ = static_cast<std::uint32_t>(farthest);
  row_cells_ = std::size_t{factor} * scan.width + 2 * std::size_t{margin_};
  const std::size_t rows = std::size_t{factor} * scan.height + 2 * std::size_t{margin_};
  if (rows * row_cells_ > std::numeric_limits<std::int32_t>::max()) {
    throw invalid_argument("a tilt-corrected image of " + std::to_string(rows) + " x " + std::to_string(row_cells_) +
                           " cells is too large: use a smaller upsampling factor or a part of the scan");
  }
  image_.resize(rows * row_cells_);
  seen_.resize(scan.positions());
  const std::size_t side = 2 * std::size_t{margin_} + 1;
  bright_.resize(side * side);
  map_.cells.assign(disk.shape.pixels(), displacement_map::nowhere);
  disk.for_pixels([&](std::uint64_t pixel, double row, double column) {
    const cell_shift cells = rounded(shift(row, column), factor);
    map_.cells[pixel] = static_cast<std::int32_t>(cells.row * static_cast<std::int64_t>(row_cells_) + cells.column);
    bright_[static_cast<std::size_t>(cells.row + margin_) * side + static_cast<std::size_t>(cells.column + margin_)] +=
        disk.sum[pixel];
  });
}

std::size_t tilt_image::cell_of(std::uint64_t position) const {
  return (factor_ * (position / scan_.width) + margin_) * row_cells_ + factor_ * (position % scan_.width) + margin_;
}

void tilt_image::add(const event_view& frames, std::uint64_t first, unsigned threads) {
  std::vector<std::uint64_t> cells;
  cells.reserve(frames.frames());
  for (std::size_t f = 0; f < frames.frames(); ++f) {
    const std::uint64_t position = (first + f) / scan_.frames_per_position;
    ++seen_[position];
    cells.push_back(cell_of(position));
  }
  cpu::add_displaced(frames, map_, cells, image_, threads);
}

std::vector<std::uint32_t> tilt_image::electrons() const {
  const std::size_t width = std::size_t{factor_} * scan_.width;
  std::vector<std::uint32_t> inside;
  inside.reserve(factor_ * scan_.height * width);
  for (std::size_t row = 0; row < std::size_t{factor_} * scan_.height; ++row) {
    const auto begin = image_.begin() + static_cast<std::ptrdiff_t>((row + margin_) * row_cells_ + margin_);
    inside.insert(inside.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  }
  return inside;
}

std::uint64_t tilt_image::frames() const {
  return std::accumulate(seen_.begin(), seen_.end(), std::uint64_t{0});
}

std::vector<double> tilt_image::expected() const {
  const std::vector<std::uint64_t> sums = exposure();
  const auto frames = static_cast<double>(std::max<std::uint64_t>(1, this->frames()));
  std::vector<double> expected(sums.size());
  std::ranges::transform(sums, expected.begin(), [&](std::uint64_t sum) { return static_cast<double>(sum) / frames; });
  return expected;
}

/// Cells that differ by multiples of the factor from a displacement are reached from every position of the scan: a rectangle,
/// drawn by its four corners, of which sums along both axes make the whole. Frames that were not added are taken off one by
/// one.
std::vector<std::uint64_t> tilt_image::exposure() const {
  const std::int64_t factor = factor_;
  const std::int64_t margin = margin_;
  const std::int64_t height = factor * scan_.height;
  const std::int64_t width = factor * scan_.width;
  const std::int64_t side = 2 * margin + 1;
  // One rectangle's corners may lie beyond the scan: margins at its beginning, the rest is cut off.
  const std::int64_t all_rows = height + 2 * margin + factor;
  const std::int64_t all_columns = width + 2 * margin + factor;
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(all_rows * all_columns));
  const auto at = [&](std::int64_t row, std::int64_t column) -> std::uint64_t& {
    return sums[static_cast<std::size_t>((row + margin) * all_columns + column + margin)];
  };
  const auto for_shifts = [&](const auto& visit) {
    for (std::int64_t row = -margin; row <= margin; ++row) {
      for (std::int64_t column = -margin; column <= margin; ++column) {
        const std::uint64_t bright = bright_[static_cast<std::size_t>((row + margin) * side + column + margin)];
        if (bright != 0) visit(row, column, bright);
      }
    }
  };
  const std::uint64_t repeats = scan_.frames_per_position;
  for_shifts([&](std::int64_t row, std::int64_t column, std::uint64_t bright) {
    const std::uint64_t frames = bright * repeats;
    at(row, column) += frames;
    at(row + height, column) -= frames;  // wraps, and wraps back when it is added up
    at(row, column + width) -= frames;
    at(row + height, column + width) += frames;
  });
  for (std::int64_t row = -margin; row < height; ++row) {
    for (std::int64_t column = -margin; column < width; ++column) {
      if (row - factor >= -margin) at(row, column) += at(row - factor, column);
    }
  }
  for (std::int64_t row = -margin; row < height; ++row) {
    for (std::int64_t column = -margin + factor; column < width; ++column) at(row, column) += at(row, column - factor);
  }
  for (std::uint64_t position = 0; position < seen_.size(); ++position) {
    const std::uint64_t lacking = repeats - seen_[position];
    if (lacking == 0) continue;
    const auto from_row = static_cast<std::int64_t>(position / scan_.width) * factor;
    const auto from_column = static_cast<std::int64_t>(position % scan_.width) * factor;
    for_shifts([&](std::int64_t row, std::int64_t column, std::uint64_t bright) {
      const std::int64_t to_row = from_row + row;
      const std::int64_t to_column = from_column + column;
      if (to_row >= 0 && to_row < height && to_column >= 0 && to_column < width) at(to_row, to_column) -= lacking * bright;
    });
  }
  std::vector<std::uint64_t> inside;
  inside.reserve(static_cast<std::size_t>(height * width));
  for (std::int64_t row = 0; row < height; ++row) {
    for (std::int64_t column = 0; column < width; ++column) inside.push_back(at(row, column));
  }
  return inside;
}

}  // namespace countem::analysis
