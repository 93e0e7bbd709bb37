#pragma once

#include <vector>

#include <countem/event_store.hpp>

#include "threads/ahead.hpp"

namespace countem::io {

/// Puts batches into a sink: a batch is encoded on all threads and written while the caller makes the next one. The caller must
/// not hold hdf5_lock() meanwhile, which the sink may need.
class background_writer {
 public:
  /// `threads` as for event_store::read(); with 1, nothing happens in the background.
  explicit background_writer(event_sink& to, unsigned threads = 0) : to_(to), threads_(threads), writing_(threads) {}

  /// In frame order. The batch is copied. @throws what the sink throws, about batches before this one
  void put(const event_batch& batch);
  /// All that was put is written. @throws what the sink throws
  void finish() { writing_.wait(); }

 private:
  using batches = std::vector<event_batch>;

  void write(const batches& pieces);

  event_sink& to_;
  unsigned threads_;
  batches next_;     ///< pieces of a batch; kept for their memory
  batches written_;  ///< those that are being written
  ahead writing_;
};

}  // namespace countem::io
