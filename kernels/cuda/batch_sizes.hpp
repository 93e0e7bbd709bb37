#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <countem/counting.hpp>
#include <countem/device_counter.hpp>

/// How large a batch is, what there is room for and when that grows. Numbers only: no device memory, no CUDA.
namespace countem::cuda {

/// Whether the method finds events in any order and has them put in order afterwards.
[[nodiscard]] constexpr bool orders_events(counting_method method) {
  return method == counting_method::cluster || method == counting_method::peaks;
}

/// Where events lie: the event grid and its buckets. A bucket is a stretch of a row of the grid, short enough to sort by
/// comparing its events with each other; for methods that find events in order it is a word of the bit image.
struct event_layout {
  std::uint32_t grid_width = 0;     ///< columns of the event grid
  std::uint32_t segment_width = 0;  ///< columns of a bucket
  std::uint32_t segments_per_row = 0;
  std::uint64_t buckets = 0;  ///< of a frame
};

/// Sizes that follow from the setup alone.
struct batch_sizes {
  /// `setup` is valid.
  batch_sizes(const counting_setup& setup, const device_options& options);

  std::size_t frames = 0;  ///< of a batch, at most
  std::uint64_t frame_pixels = 0;
  std::uint64_t frame_bytes = 0;
  std::uint32_t words_per_row = 0;  ///< of the bit image
  std::uint64_t words = 0;          ///< of a frame's bit image
  event_layout layout;
};

/// Numbers that the device reports about a batch, at the head of the report that crosses back to the host. Each counts what
/// there was no room for too.
struct batch_totals {
  std::uint32_t found = 0;             ///< events found by methods whose events are put in order
  std::uint32_t thread_overflows = 0;  ///< roots whose component overflows a thread's window
  std::uint32_t warp_overflows = 0;    ///< roots whose component overflows a warp's window
  std::uint32_t events = 0;            ///< events of the batch
};

/// What there was room for when a batch was queued.
struct capacities {
  std::uint32_t events = 0;
  std::uint32_t thread_overflows = 0;
  std::uint32_t warp_overflows = 0;
  bool labels = false;

  friend bool operator==(const capacities&, const capacities&) = default;
};

/// The first guess; `event_capacity` is device_options::event_capacity.
[[nodiscard]] capacities first_capacities(const batch_sizes& sizes, std::uint32_t event_capacity);
/// Method counts, where the pixels' values bound nothing: `of_frames` are the events of each frame.
/// @throws format_error when a frame has more than require_counted_events() takes; cuda_error when the batch has 2^32 events or
/// more, for which the device has no numbers.
void require_numbers(std::span<const unsigned long long> of_frames);
/// Whether a batch that reported `totals` had room for all of it; if not, it must be counted again.
[[nodiscard]] bool had_room(const capacities& room, const batch_totals& totals);
/// The room that such a batch needs; never less than there was.
[[nodiscard]] capacities grown(const capacities& room, const batch_totals& totals);

}  // namespace countem::cuda
