#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <countem/counting.hpp>

namespace countem {
class event_reducer;
}

namespace countem::cuda {

/// Sees a batch when it was counted. `events.first_frame` is its first frame's number among those that the counter was given;
/// the reducer is loaded with the events, which still lie in the device's memory. Called by the thread that counts.
using counted_batch_look = std::function<void(const event_batch& events, event_reducer& on_device)>;

/// How one device is to be used.
struct device_options {
  unsigned device = 0;             ///< number of the device, as the CUDA runtime counts them
  unsigned batches_in_flight = 2;  ///< at least two: one is copied while another is counted
  std::size_t batch_frames = 0;    ///< most frames of a batch; 0: as many as the device's cache holds
  /// First guess at the events of a batch; 0: one pixel in 64. A batch with more is counted again.
  std::uint32_t event_capacity = 0;
  bool timed = false;  ///< measure what batch_counter::times() returns
  // Of a device_feed.
  unsigned slots = 4;          ///< batches that can be on their way at the same time; fewer where memory is short
  bool keeps_sum = false;      ///< the sum of all frames stays on the device (device_feed::read_patterns)
  bool keeps_maximum = false;  ///< and their maximum
};

/// No batch on a device has more frames.
inline constexpr std::size_t most_batch_frames = 4096;

/// What a batch took on the device, each part from its own stream; parts of different batches overlap.
struct batch_times {
  double upload_ms = 0;  ///< raw frames to the device
  double count_ms = 0;   ///< from raw frames to events in order, on the device
};

/// Counts on one device with several batches in flight: while one is counted, the next crosses to the device and the events of
/// the one before cross back, each on its own stream. Not for several threads at once; several devices take one counter each.
class batch_counter {
 public:
  batch_counter() = default;
  batch_counter(const batch_counter&) = delete;
  batch_counter& operator=(const batch_counter&) = delete;
  virtual ~batch_counter() = default;

  /// Most frames that one batch may have.
  [[nodiscard]] virtual std::size_t batch_frames() const = 0;
  /// Batches submitted and not collected.
  [[nodiscard]] virtual std::size_t in_flight() const = 0;

  /// Page-locked memory: a batch whose frames lie in it one after the other, nothing missing, crosses to the device from where
  /// it is.
  [[nodiscard]] virtual std::shared_ptr<countem::frame_memory> frame_memory() = 0;

  /// Queues the copying and counting of frames. Those that lie in frame_memory() must stay as they are until their batch is
  /// collected; others are copied away and may be changed once this returns.
  /// @throws invalid_argument when there are too many frames, frames of another shape or type, or already batches_in_flight
  /// batches.
  virtual void submit(std::span<const frame_view> frames) = 0;

  /// Waits for the oldest batch and replaces the contents of `out`; `out.first_frame` is left to the caller.
  /// @throws cuda_error when the device failed or a batch has 2^32 events or more, format_error when a frame has more events
  /// than method counts takes, invalid_argument when nothing is in flight. A batch that was refused is no longer in flight.
  virtual void collect(event_batch& out) = 0;

  /// A reducer loaded with the batch that was collected last, whose events still lie in the device's memory: only results cross
  /// back. Good until the next submit(), and as long as the batch that collect() filled is unchanged.
  [[nodiscard]] virtual event_reducer& reducer() = 0;

  /// Of the batch collected last; zeros unless device_options::timed.
  [[nodiscard]] virtual batch_times times() const = 0;
};

/// The place of one batch on a device, used by one thread at a time. Frames are read into page-locked memory a few at a time,
/// cross to the device while the next are read, and are counted when all are there.
class feed_slot {
 public:
  feed_slot() = default;
  feed_slot(const feed_slot&) = delete;
  feed_slot& operator=(const feed_slot&) = delete;
  virtual ~feed_slot() = default;

  /// Most frames of the batch.
  [[nodiscard]] virtual std::size_t batch_frames() const = 0;
  /// Most frames to be put at a time: no more are worth reading at once.
  [[nodiscard]] virtual std::size_t piece_frames() const = 0;

  /// Begins a batch, in place of one that was begun or counted before.
  virtual void clear() = 0;
  /// Where to read the next frames: one of a few batches in turn, the copies out of which are done when this returns.
  /// @throws cuda_error when the device failed.
  [[nodiscard]] virtual frame_batch& next_piece() = 0;
  /// Adds frames to the batch and queues their copies, once after each next_piece(). Those that lie in its memory must stay
  /// until next_piece() returns that one again; others are copied away. @throws invalid_argument as batch_counter::submit().
  virtual void put(std::span<const frame_view> frames) = 0;
  /// Counts the batch, waits for it and replaces the contents of `out`; `out.first_frame` is left to the caller.
  /// @throws as batch_counter::collect().
  virtual void count(event_batch& out) = 0;

  /// A reducer loaded with the batch that was counted, whose maps must stay as they are (event_reducer::keep_maps). Good until
  /// clear(), and as long as what count() filled is unchanged.
  [[nodiscard]] virtual event_reducer& reducer() = 0;
  /// Adds the batch to the patterns that the device keeps.
  virtual void add_to_patterns() = 0;
};

/// One counter on one device, fed by several threads, each with a slot of its own.
class device_feed {
 public:
  device_feed() = default;
  device_feed(const device_feed&) = delete;
  device_feed& operator=(const device_feed&) = delete;
  virtual ~device_feed() = default;

  /// At least one; owned by the feed.
  [[nodiscard]] virtual std::vector<feed_slot*> slots() = 0;
  /// Adds to `sum` and raises `maximum` what slots added to the patterns; either may be empty. Safe while slots are used.
  /// @throws cuda_error when the device failed.
  virtual void read_patterns(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum) = 0;
};

/// Takes the time that a device takes to start. Its counters share a plan's calibration.
/// @throws invalid_argument when the plan is another backend's, not_compiled in a build without CUDA, cuda_error where the
/// device does not answer or has no room.
[[nodiscard]] std::unique_ptr<device_feed> make_device_feed(std::shared_ptr<const counting_plan> plan,
                                                            const device_options& options);

/// A counter of any number of frames that keeps options.batches_in_flight batches in flight while it has that many and shows
/// each to `look`, which may be empty.
/// @throws not_compiled in a build without CUDA, cuda_error where the device does not answer.
[[nodiscard]] std::unique_ptr<counter> make_counter(const counting_setup& setup, const device_options& options,
                                                    counted_batch_look look);

/// The same from a plan that other counters share. Counters on one device share its copy of the calibration.
/// @throws invalid_argument when the plan is another backend's.
[[nodiscard]] std::unique_ptr<counter> make_counter(std::shared_ptr<const counting_plan> plan, const device_options& options,
                                                    counted_batch_look look);

/// @throws not_compiled in a build without CUDA, cuda_error where the device does not answer.
[[nodiscard]] std::unique_ptr<batch_counter> make_batch_counter(const counting_setup& setup, const device_options& options);

}  // namespace countem::cuda
