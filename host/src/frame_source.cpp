#include <countem/frame_source.hpp>

#include <algorithm>

namespace countem {

void frame_source::visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch,
                         const visitor& use) const {
  for (std::size_t done = 0; done < count; done += most) {
    read(first + done, std::min(most, count - done), batch);
    use(first + done, batch.frames);
  }
}

}  // namespace countem
