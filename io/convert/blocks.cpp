#include "io/convert/blocks.hpp"

#include <countem/batch_frames.hpp>

namespace countem::io {

namespace {

constexpr std::size_t block_frames = 1024;

}  // namespace

event_batch& block_reader::next() {
  if (first_ == store_.frames()) {
    block_.clear();
    return block_;
  }
  const std::uint64_t count = batch_frames(store_.counts(), first_, block_frames);
  store_.read(first_, static_cast<std::size_t>(count), block_);
  first_ += count;
  return block_;
}

std::uint64_t total_events(const event_store& store) {
  std::uint64_t events = 0;
  for (const std::uint32_t count : store.counts()) events += count == not_written ? 0 : count;
  return events;
}

void merged_block::take(const event_batch& block) {
  row_ends.clear();
  indices.resize(block.indices.size());
  counts.resize(block.indices.size());
  std::size_t made = 0;
  for (std::size_t frame = 0; frame < block.frames(); ++frame) {
    const std::size_t start = made;
    for (const std::uint32_t event : block.events(frame)) {
      if (made > start && indices[made - 1] == event) {
        ++counts[made - 1];
      } else {
        indices[made] = event;
        counts[made++] = 1;
      }
    }
    row_ends.push_back(made);
  }
  merged = indices.size() - made;
  indices.resize(made);
  counts.resize(made);
}

}  // namespace countem::io
