#pragma once

#include <future>
#include <memory>
#include <vector>

#include <countem/event_store.hpp>

namespace countem::io {

/// Puts batches into a sink: encodes them on all threads, and writes them while the caller makes and encodes the next one. The
/// caller must not hold hdf5_lock() meanwhile, which the sink may need.
class background_writer {
 public:
  /// `threads` as for event_store::read(); with 1, nothing happens in the background.
  explicit background_writer(event_sink& to, unsigned threads = 0) : to_(to), threads_(threads) {}
  background_writer(const background_writer&) = delete;
  background_writer& operator=(const background_writer&) = delete;
  /// Waits for what is being written; finish() reports what went wrong.
  ~background_writer();

  /// In frame order. @throws what the sink throws, about this batch or the one before
  void put(const event_batch& batch);
  /// All that was put is written. @throws what the sink throws
  void finish();

 private:
  using encoded_pieces = std::vector<std::unique_ptr<event_sink::encoded>>;

  [[nodiscard]] encoded_pieces encode(const event_batch& batch) const;

  event_sink& to_;
  unsigned threads_;
  std::future<void> writing_;
};

}  // namespace countem::io
