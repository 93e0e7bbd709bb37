#include <countem/displaced_sum.hpp>

namespace countem::reference {

void add_displaced(const event_view& events, const displacement_map& map, std::span<const std::uint64_t> frame_cells,
                   std::span<std::uint32_t> image) {
  validate(events, map, frame_cells, image);
  for (std::size_t f = 0; f < events.frames(); ++f) {
    for (const std::uint32_t index : events.events(f)) {
      const std::int64_t cells = map.cells[index];
      if (cells != displacement_map::nowhere)
        ++image[static_cast<std::size_t>(static_cast<std::int64_t>(frame_cells[f]) + cells)];
    }
  }
}

}  // namespace countem::reference
