#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/work.hpp>

#include "threads/ahead.hpp"

// The events of a store in bounded memory, as the exports take them.
namespace countem::io {

/// Reads the frames of a store in order, a block at a time. Not synchronised.
class block_reader {
 public:
  explicit block_reader(const event_store& store) : store_(store) {}
  /// The next block; empty after the last.
  [[nodiscard]] event_batch& next();

 private:
  const event_store& store_;
  std::uint64_t first_ = 0;
  event_batch block_;
};

/// Visits all frames of the store in order, a block at a time: `visit` gets what `make(block, into)` made of it, which may take
/// the block's memory. The next block is read and made on other threads meanwhile. The caller does not hold hdf5_lock(), which
/// they may need.
template <class Made, class Make, class Visit>
void for_each_made(const event_store& store, const Make& make, const Visit& visit) {
  work exporting("exporting", "frames", store.frames());
  block_reader reader(store);
  Made now;
  Made next;
  std::uint64_t frames = 0;
  ahead reading(0);
  const auto read = [&] {
    event_batch& block = reader.next();
    frames = block.frames();
    if (frames != 0) make(block, next);
  };
  read();
  while (frames != 0) {
    const std::uint64_t visited = frames;
    std::swap(now, next);
    reading.start(read);
    visit(std::as_const(now));
    exporting.advance(visited);
    reading.wait();
  }
}

/// The same with the blocks themselves.
template <class Visit>
void for_each_block(const event_store& store, const Visit& visit) {
  for_each_made<event_batch>(
      store, [](event_batch& block, event_batch& into) { std::swap(block, into); }, visit);
}

/// Events of all frames.
[[nodiscard]] std::uint64_t total_events(const event_store& store);

/// A block of frames as CSR in which a pixel comes once per frame, with its multiplicity.
struct merged_block {
  std::vector<std::uint64_t> row_ends;  ///< within the block
  std::vector<std::uint32_t> indices;
  std::vector<std::uint32_t> counts;
  std::uint64_t merged = 0;  ///< events that went into the entry of an earlier one

  /// Replaces what was there.
  void take(const event_batch& block);
};

/// for_each_made() with merged blocks.
template <class Visit>
void for_each_merged_block(const event_store& store, const Visit& visit) {
  for_each_made<merged_block>(
      store, [](const event_batch& block, merged_block& into) { into.take(block); }, visit);
}

}  // namespace countem::io
