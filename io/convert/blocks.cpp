#include "io/convert/blocks.hpp"

#include <algorithm>

#include <countem/batch_frames.hpp>
#include <countem/work.hpp>

#include "io/hdf5/handle.hpp"

namespace countem::io {

namespace {

constexpr std::size_t block_frames = 1024;

}  // namespace

void for_each_block(const event_store& store, hdf5_lock_type& lock, const std::function<void(const event_batch&)>& visit) {
  event_batch block;
  work exporting("exporting", "frames", store.frames());
  for (std::uint64_t first = 0; first < store.frames(); first += block.frames()) {
    {
      const unlocked while_reading(lock);
      store.read(first, static_cast<std::size_t>(batch_frames(store.counts(), first, block_frames)), block);
    }
    visit(block);
    exporting.advance(block.frames());
  }
}

void for_each_block(const event_store& store, const std::function<void(const event_batch&)>& visit) {
  hdf5_lock_type lock = hdf5_lock();
  for_each_block(store, lock, visit);
}

std::uint64_t total_events(const event_store& store) {
  std::uint64_t events = 0;
  for (const std::uint32_t count : store.counts()) events += count == not_written ? 0 : count;
  return events;
}

merged_block::merged_block(const event_batch& block) {
  for (std::size_t frame = 0; frame < block.frames(); ++frame) {
    const std::size_t start = indices.size();
    for (const std::uint32_t event : block.events(frame)) {
      if (indices.size() > start && indices.back() == event) {
        ++counts.back();
        ++merged;
      } else {
        indices.push_back(event);
        counts.push_back(1);
      }
    }
    row_ends.push_back(indices.size());
  }
}

}  // namespace countem::io
