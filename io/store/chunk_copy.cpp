#include "io/store/chunk_copy.hpp"

#include <utility>

namespace countem::io {

void chunk_copy::put(const chunk_footer& footer, std::span<const std::uint8_t> chunk) {
  constexpr std::size_t most_frames = 256;
  constexpr std::size_t most_bytes = std::size_t{4} << 20U;
  const bool follows = kept_.footers.empty() || footer.facts.frame == kept_.footers.back().facts.frame + 1;
  if (!follows || kept_.footers.size() == most_frames || kept_.bytes.size() >= most_bytes) write_kept();
  kept_.footers.push_back(footer);
  kept_.bytes.insert(kept_.bytes.end(), chunk.begin(), chunk.end());
}

void chunk_copy::finish() {
  write_kept();
  writing_.wait();
}

void chunk_copy::write_kept() {
  writing_.wait();
  std::swap(kept_, written_);
  kept_.footers.clear();
  kept_.bytes.clear();
  if (!written_.footers.empty()) writing_.start([this] { to_.write_whole(written_.footers, written_.bytes); });
}

}  // namespace countem::io
