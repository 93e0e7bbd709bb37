#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <countem/counting.hpp>

namespace countem::bench {

/// What the toolkit's primitives found in a batch.
struct primitive_events {
  std::vector<std::uint32_t> hits;     ///< linear indices in the batch, frame * pixels + pixel, ascending
  std::vector<std::uint64_t> indptr;   ///< of the events, frames + 1
  std::vector<std::uint32_t> indices;  ///< linear in their frame, ascending
  std::uint64_t xrays = 0;             ///< components that hold an X-ray pixel
};

/// Method cluster as an engineer writes it in an afternoon with the toolkit's primitives alone: hits by a selection (CUB's
/// DeviceSelect behind thrust::copy_if), components by union of neighbouring hits, sums by a radix sort and a reduction by
/// label, events by a second sort. Same definition as docs/semantics.md without gain, noise or size limits. Memory is taken
/// once, temporary memory from a pool, so that what is timed is the work.
class thrust_counting {
 public:
  /// For batches of up to so many frames. @throws invalid_argument for what it does not do.
  thrust_counting(const counting_setup& setup, std::size_t most_frames);
  ~thrust_counting();
  thrust_counting(const thrust_counting&) = delete;
  thrust_counting& operator=(const thrust_counting&) = delete;

  /// Frames to the device; waits.
  void upload(std::span<const frame_view> frames);
  /// From the uploaded frames to events in order on the device; waits.
  void count();
  /// Of the last count().
  [[nodiscard]] primitive_events fetch() const;

 private:
  class state;
  std::unique_ptr<state> state_;
};

}  // namespace countem::bench
