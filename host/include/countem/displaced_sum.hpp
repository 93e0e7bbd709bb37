#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <countem/reductions.hpp>

/// Events as counts of an image of the scan, each displaced by a vector of its detector pixel: shifted virtual images added up,
/// or virtual images of groups of pixels, in O(events).
namespace countem {

/// Where the events of each detector pixel belong, relative to the cell of their frame.
struct displacement_map {
  /// The displacement of pixels whose events are left out.
  static constexpr std::int32_t nowhere = std::numeric_limits<std::int32_t>::min();

  frame_shape shape{};              ///< of the frames
  std::vector<std::int32_t> cells;  ///< [pixel] cells from that of the frame, or `nowhere`
};

/// Adds 1 to image[frame_cells[frame] + map.cells[pixel]] for each event; sums are exact and the same on every backend and for
/// any number of threads.
/// @param events events of consecutive frames
/// @param map for frames of that shape
/// @param frame_cells [frame] the cell of each frame
/// @param image counts, row-major or as the caller numbers its cells
/// @throws invalid_argument when sizes differ, an event lies outside its frame, or a frame's cells could lie outside the image.
void validate(const event_view& events, const displacement_map& map, std::span<const std::uint64_t> frame_cells,
              std::span<const std::uint32_t> image);

namespace reference {
/// The oracle: scalar. @throws as validate() does.
void add_displaced(const event_view& events, const displacement_map& map, std::span<const std::uint64_t> frame_cells,
                   std::span<std::uint32_t> image);
}  // namespace reference

namespace cpu {
/// With threads, 0: all cores. @throws as validate() does.
void add_displaced(const event_view& events, const displacement_map& map, std::span<const std::uint64_t> frame_cells,
                   std::span<std::uint32_t> image, unsigned threads = 0);
}  // namespace cpu

}  // namespace countem
