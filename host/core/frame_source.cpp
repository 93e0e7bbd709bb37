#include <countem/frame_source.hpp>

#include <algorithm>

namespace countem {

frame_arrival frame_source::arrival(std::uint64_t number) const {
  frame_batch batch;
  read(number, 1, batch);
  const std::uint8_t present = batch.frames.front().present;
  if (present == 0) return frame_arrival::nothing;
  return present == all_sectors ? frame_arrival::whole : frame_arrival::part;
}

void frame_source::visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch,
                         const visitor& use) const {
  const std::size_t piece = std::max<std::size_t>(1, most);
  for (std::size_t done = 0; done < count; done += piece) {
    read(first + done, std::min(piece, count - done), batch);
    use(first + done, batch.frames);
  }
}

}  // namespace countem
