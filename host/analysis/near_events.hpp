#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/types.hpp>

namespace countem::analysis {

/// The neighbours of an event in its frame.
struct neighbours {
  std::uint32_t near = 0;  ///< within the hole's reach, repeats of its own pixel included
  std::uint32_t ring = 0;  ///< around that
};

/// Disk and ring in which neighbours are counted, in cells of the event grid.
struct neighbourhood {
  std::uint32_t reach = 8;      ///< largest distance along one axis
  double near_squared = 0;      ///< square of the disk's radius
  double ring_squared = 0;      ///< square of the ring's outer radius
  std::uint32_t near_area = 0;  ///< pixels of the disk
  std::uint32_t ring_area = 0;  ///< pixels of the ring

  /// For a grid of cells so many detector pixels a side.
  explicit neighbourhood(double cell);
  /// Whether a displacement lies in the disk (1), in the ring (2) or beyond (0).
  [[nodiscard]] int zone(std::int64_t rows, std::int64_t columns) const {
    const auto squared = static_cast<double>(rows * rows + columns * columns);
    return squared <= near_squared ? 1 : squared <= ring_squared ? 2 : 0;
  }
};

/// Counts neighbours of events. Holds scratch memory: one thread at a time.
class neighbour_counter {
 public:
  neighbour_counter(frame_shape shape, const neighbourhood& around) : shape_(shape), around_(around) {}

  /// [event] of the frame, whose events ascend. Valid until the next call. Each pair is met once.
  [[nodiscard]] std::span<const neighbours> count(std::span<const std::uint32_t> frame);

 private:
  frame_shape shape_;
  neighbourhood around_;
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint32_t> columns_;
  std::vector<std::size_t> starts_;  ///< [row] first event, and the end
  std::vector<std::size_t> lowest_;  ///< [rows below] first event that the next one may still reach
  std::vector<neighbours> counts_;
};

}  // namespace countem::analysis
