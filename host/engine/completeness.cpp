#include "host/engine/completeness.hpp"

#include <algorithm>
#include <numeric>

namespace countem::engine {

namespace {

/// Which share of each index of an axis lies in each quarter of a detector of `pixels`.
std::vector<sector_weights> quarters_along(const axis_scale& axis, std::uint32_t indices, std::uint32_t pixels) {
  std::vector<sector_weights> shares(indices);
  const double quarter = pixels / 4.0;
  for (std::uint32_t i = 0; i < indices; ++i) {
    const double begin = axis.at(i - 0.5) + 0.5;  // the detector's first pixel begins at 0
    const double end = axis.at(i + 0.5) + 0.5;
    for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector) {
      const double overlap = std::min(end, (sector + 1) * quarter) - std::max(begin, sector * quarter);
      shares[i][sector] = std::max(0.0, overlap) / (end - begin);
    }
  }
  return shares;
}

}  // namespace

sector_map::sector_map(const store_geometry& geometry, frame_shape grid)
    : width_(grid.width), cells_(grid.pixels()), by_column_(geometry.split == sector_split::columns) {
  switch (geometry.split) {
    case sector_split::none: shares_.assign(grid.height, {0.25, 0.25, 0.25, 0.25}); break;
    case sector_split::rows: shares_ = quarters_along(geometry.row, grid.height, geometry.detector.height); break;
    case sector_split::columns: shares_ = quarters_along(geometry.column, grid.width, geometry.detector.width); break;
  }
}

sector_weights sector_map::weigh(const std::function<double(std::uint64_t)>& weight) const {
  std::vector<double> along(shares_.size());
  for (std::uint64_t cell = 0; cell < cells_; ++cell) along[by_column_ ? cell % width_ : cell / width_] += weight(cell);
  sector_weights sums{};
  for (std::size_t i = 0; i < along.size(); ++i) {
    for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector) sums[sector] += along[i] * shares_[i][sector];
  }
  return sums;
}

double arrived_share(const sector_weights& weights, const std::array<std::uint64_t, sectors_per_frame>& lost,
                     std::uint64_t frames) {
  double arrived = 0;
  double due = 0;
  bool none_lost = true;
  for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector) {
    if (weights[sector] == 0) continue;
    none_lost = none_lost && lost[sector] == 0;
    arrived += weights[sector] * static_cast<double>(frames - lost[sector]);
    due += weights[sector] * static_cast<double>(frames);
  }
  return none_lost ? 1 : arrived / due;
}

std::array<std::uint64_t, sectors_per_frame> total_losses(const reduction_result& result) {
  std::array<std::uint64_t, sectors_per_frame> all{};
  for (const sector_losses& lost : result.lost) {
    for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector) all[sector] += lost[sector];
  }
  return all;
}

}  // namespace countem::engine
