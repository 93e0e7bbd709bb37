#include <countem/frame_source.hpp>

#include <algorithm>

namespace countem {

void frame_source::visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch,
                         const visitor& use) const {
  const std::size_t piece = std::max<std::size_t>(1, most);
  for (std::size_t done = 0; done < count; done += piece) {
    read(first + done, std::min(piece, count - done), batch);
    use(first + done, batch.frames);
  }
}

}  // namespace countem
