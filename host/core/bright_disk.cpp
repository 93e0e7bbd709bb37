#include <countem/bright_disk.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <countem/error.hpp>

namespace countem {

namespace {

/// The coarse copy has about this many cells along the shorter side: fine enough for a disk, coarse enough to average noise.
constexpr std::uint32_t cells_along_side = 96;
/// A pixel counts at most what all but this share of the pixels stay below.
constexpr double hot_share = 0.002;
/// A patch of fewer events may be one of chance.
constexpr double fewest_events = 32;
/// The spread of a patch around its centre, in that of a disk of its area: a half disk has 1.3, a flat pattern's square 1.05,
/// two disks apart more than 2.
constexpr double widest_spread = 2;

/// Means of square blocks of a pattern whose hottest pixels are cut down.
struct coarse_pattern {
  std::uint32_t block = 1;
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::vector<double> level;
};

coarse_pattern coarsen(std::span<const std::uint64_t> sum, frame_shape shape) {
  std::vector<std::uint64_t> sorted(sum.begin(), sum.end());
  const auto rank = static_cast<std::ptrdiff_t>((1 - hot_share) * static_cast<double>(sorted.size() - 1));
  std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end());
  const std::uint64_t most = sorted[static_cast<std::size_t>(rank)];

  coarse_pattern coarse;
  coarse.block = std::max(1U, std::min(shape.height, shape.width) / cells_along_side);
  coarse.height = (shape.height + coarse.block - 1) / coarse.block;
  coarse.width = (shape.width + coarse.block - 1) / coarse.block;
  coarse.level.assign(std::size_t{coarse.height} * coarse.width, 0);
  std::vector<std::uint32_t> pixels(coarse.level.size(), 0);
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) {
      const std::size_t cell = std::size_t{row / coarse.block} * coarse.width + column / coarse.block;
      coarse.level[cell] += static_cast<double>(std::min(most, sum[std::size_t{row} * shape.width + column]));
      ++pixels[cell];
    }
  }
  for (std::size_t cell = 0; cell < pixels.size(); ++cell) coarse.level[cell] /= pixels[cell];
  return coarse;
}

/// Cells of the largest 4-connected patch at or above `threshold`.
std::vector<std::size_t> largest_patch(const coarse_pattern& coarse, double threshold) {
  std::vector<bool> seen(coarse.level.size(), false);
  std::vector<std::size_t> largest;
  std::vector<std::size_t> patch;
  for (std::size_t start = 0; start < seen.size(); ++start) {
    patch.clear();
    const auto visit = [&](std::size_t cell) {
      if (seen[cell] || coarse.level[cell] < threshold) return;
      seen[cell] = true;
      patch.push_back(cell);
    };
    visit(start);
    for (std::size_t i = 0; i < patch.size(); ++i) {
      const std::size_t row = patch[i] / coarse.width;
      const std::size_t column = patch[i] % coarse.width;
      if (row > 0) visit(patch[i] - coarse.width);
      if (row + 1 < coarse.height) visit(patch[i] + coarse.width);
      if (column > 0) visit(patch[i] - 1);
      if (column + 1 < coarse.width) visit(patch[i] + 1);
    }
    if (patch.size() > largest.size()) largest = patch;
  }
  return largest;
}

/// Whether a patch of this centre (in cells) holds enough events and keeps together as a disk does.
bool looks_like_a_disk(const coarse_pattern& coarse, const std::vector<std::size_t>& patch, detector_point centre) {
  double events = 0;
  double spread = 0;
  for (const std::size_t cell : patch) {
    events += coarse.level[cell] * coarse.block * coarse.block;
    spread += std::pow(static_cast<double>(cell / coarse.width) - centre.row, 2) +
              std::pow(static_cast<double>(cell % coarse.width) - centre.column, 2);
  }
  // A disk of n cells has the mean square distance n / (2 pi).
  const auto cells = static_cast<double>(patch.size());
  return events >= fewest_events && spread / cells <= widest_spread * cells / (2 * std::numbers::pi);
}

}  // namespace

bright_disk find_bright_disk(std::span<const std::uint64_t> sum, frame_shape shape) {
  if (sum.size() != shape.pixels() || sum.empty()) {
    throw invalid_argument("the summed pattern is not of the frame's size");
  }
  const coarse_pattern coarse = coarsen(sum, shape);
  const double brightest = *std::max_element(coarse.level.begin(), coarse.level.end());
  if (brightest <= 0) return {middle_of(shape), std::min(shape.height, shape.width) / 4.0, false};

  const std::vector<std::size_t> patch = largest_patch(coarse, brightest / 2);
  double rows = 0;
  double columns = 0;
  for (const std::size_t cell : patch) {
    rows += static_cast<double>(cell / coarse.width);
    columns += static_cast<double>(cell % coarse.width);
  }
  const auto cells = static_cast<double>(patch.size());
  const double radius = coarse.block * std::sqrt(cells / std::numbers::pi);
  // A cell's middle lies (block - 1) / 2 pixels from its first pixel.
  const double half = (coarse.block - 1) / 2.0;
  return {
      {rows / cells * coarse.block + half, columns / cells * coarse.block + half},
      radius,
      looks_like_a_disk(coarse, patch, {rows / cells, columns / cells}) && 2 * radius < std::min(shape.height, shape.width)};
}

}  // namespace countem
