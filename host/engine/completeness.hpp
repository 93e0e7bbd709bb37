#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include <countem/frame.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/store_geometry.hpp>
#include <countem/types.hpp>

namespace countem::engine {

/// How much of something lies in each sector of the detector.
using sector_weights = std::array<double, sectors_per_frame>;

/// In which sectors the cells of a grid lie.
class sector_map {
 public:
  sector_map(const store_geometry& geometry, frame_shape grid);
  /// Shares of a cell in the sectors, 1 in all. Where the split is not known, a quarter each.
  [[nodiscard]] const sector_weights& of(std::uint64_t cell) const {
    return shares_[by_column_ ? cell % width_ : cell / width_];
  }
  /// The sum over all cells of weight(cell) times their shares.
  [[nodiscard]] sector_weights weigh(const std::function<double(std::uint64_t)>& weight) const;

 private:
  std::uint64_t width_;
  std::uint64_t cells_;
  bool by_column_;
  std::vector<sector_weights> shares_;  ///< [column] or [row]
};

/// Share of what has these weights that arrived where `frames` frames were due: exactly 1 where none is lost and 0 where all
/// are; 1 for something that has no weight.
[[nodiscard]] double arrived_share(const sector_weights& weights, const std::array<std::uint64_t, sectors_per_frame>& lost,
                                   std::uint64_t frames);

/// Frames of the whole scan that lack each sector.
[[nodiscard]] std::array<std::uint64_t, sectors_per_frame> total_losses(const reduction_result& result);

}  // namespace countem::engine
