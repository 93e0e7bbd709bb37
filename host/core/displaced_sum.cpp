#include <countem/displaced_sum.hpp>

#include <algorithm>
#include <string>

#include <countem/error.hpp>

namespace countem {

void validate(const event_view& events, const displacement_map& map, std::span<const std::uint64_t> frame_cells,
              std::span<const std::uint32_t> image) {
  validate(events);
  if (map.shape != events.shape || map.cells.size() != map.shape.pixels())
    throw invalid_argument("a map of displacements was made for frames of another shape");
  if (frame_cells.size() != events.frames()) {
    throw invalid_argument("displaced events need a cell for each of their " + std::to_string(events.frames()) + " frames, " +
                           std::to_string(frame_cells.size()) + " were given");
  }
  std::int64_t least = std::numeric_limits<std::int32_t>::max();
  std::int64_t most = displacement_map::nowhere;
  for (const std::int32_t cells : map.cells) {
    if (cells == displacement_map::nowhere) continue;
    least = std::min<std::int64_t>(least, cells);
    most = std::max<std::int64_t>(most, cells);
  }
  if (most < least || frame_cells.empty()) return;
  const auto [first, last] = std::ranges::minmax(frame_cells);
  const auto size = static_cast<std::int64_t>(image.size());
  if (last >= image.size() || static_cast<std::int64_t>(first) + least < 0 || static_cast<std::int64_t>(last) + most >= size) {
    throw invalid_argument("displaced events of frames at cells " + std::to_string(first) + " to " + std::to_string(last) +
                           " would lie outside an image of " + std::to_string(size) + " cells");
  }
}

}  // namespace countem
