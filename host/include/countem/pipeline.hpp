#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <countem/counting.hpp>
#include <countem/event_store.hpp>
#include <countem/frame_range.hpp>
#include <countem/frame_source.hpp>
#include <countem/scan_reducer.hpp>

namespace countem {

/// What a running count reports now and then.
struct count_progress {
  /// Number of the frame up to which all are written, those before the first among them; with next_range: frames written.
  std::uint64_t frames_done = 0;
  std::uint64_t frames_total = 0;  ///< number of the frame at which the count ends; with next_range: 0, it is not known
  std::uint64_t events = 0;        ///< in the frames written so far
  double seconds = 0;              ///< since the count began
};

/// How frames are counted, and what is called on the way.
struct pipeline_options {
  /// The backend to count on. automatic: the processor, helped by devices where they answer; without those that fail. cuda:
  /// devices alone; the failure of one ends the count.
  backend where = backend::automatic;
  /// Devices that count, as the CUDA runtime numbers them. Empty: all that answer.
  std::vector<unsigned> devices;
  /// Devices that only help (`automatic`) start when the rest of the count will take so many seconds without them; 0: at once.
  double devices_start_for_s = 1;
  unsigned threads = 0;           ///< 0: all cores
  std::size_t batch_frames = 0;   ///< 0: chosen from frame size, scan and threads
  std::uint64_t first_frame = 0;  ///< frames before it are skipped (resume)
  /// Frames from it on are not counted; beyond the scan: all of them are.
  std::uint64_t end_frame = std::numeric_limits<std::uint64_t>::max();
  /// Asked for the frames to count, one range after another, in place of the two above, as by several processes that share a
  /// scan. It is given how many are counted together; ranges ascend, and an empty one ends the count. Called by one thread at a
  /// time.
  std::function<frame_range(std::uint64_t together)> next_range;
  unsigned sharers = 1;  ///< processes that share the frames by next_range: the more, the fewer are counted together
  /// Raised by the caller (a signal handler) to stop after what is in flight.
  const std::atomic<bool>* stop = nullptr;
  /// Called from one thread at a time after a batch was written.
  std::function<void(const count_progress&)> progress;
  /// Called in frame order with each batch of events before it is written.
  std::function<void(const event_batch&)> inspect;
  /// Gets every batch that is counted, on a device before its events leave it; not owned. Made for this scan and event grid.
  scan_reducer* live = nullptr;
};

/// What was counted.
struct count_result {
  backend used = backend::cpu;          ///< where frames were counted; cuda: on devices, among others
  std::uint64_t device_frames = 0;      ///< frames counted on devices
  std::uint64_t frames = 0;             ///< frames that arrived and were counted
  std::uint64_t missing_frames = 0;     ///< frames of which nothing arrived
  std::uint64_t incomplete_frames = 0;  ///< frames that lack a sector
  std::uint64_t events = 0;             ///< in all frames
  std::uint64_t xrays = 0;              ///< rejected, as the method counts them
  double seconds = 0;                   ///< from the first read to the last write
  bool stopped = false;                 ///< the stop flag was raised; the rest was not counted
  std::vector<source_issue> issues;     ///< input files that changed while they were read

  /// Counted frames per second; 0 when no time passed.
  [[nodiscard]] double frames_per_s() const { return seconds > 0 ? static_cast<double>(frames) / seconds : 0; }
};

/// The backend that `wanted` stands for on this machine, and why, as one sentence.
struct backend_choice {
  backend used = backend::cpu;  ///< never automatic
  std::string reason;           ///< one sentence
};
/// @throws not_compiled, cuda_error when `wanted` is cuda and cannot be had, or one of `devices` does not answer;
/// invalid_argument when devices are named for another backend.
[[nodiscard]] backend_choice choose_backend(backend wanted, std::span<const unsigned> devices = {});

/// The plan of the backend, to be shared by the counters of all threads; `which` must not be automatic.
[[nodiscard]] std::shared_ptr<const counting_plan> make_plan(backend which, const counting_setup& setup);

/// A counter of the backend, with a plan of its own; `which` must not be automatic.
[[nodiscard]] std::unique_ptr<counter> make_counter(backend which, const counting_setup& setup);

/// Reads, counts, encodes and writes frames [first_frame, end_frame) of `source`, all stages at the same time, in bounded
/// memory. The sink gets the same calls in the same order for any number of threads. The caller finishes or abandons the sink.
/// @throws invalid_argument when the range ends before it begins, or the setup does not fit the frames; whatever source,
/// counter or sink throw, after everything before it was written.
count_result count_frames(const frame_source& source, const counting_setup& setup, event_sink& sink,
                          const pipeline_options& options);

}  // namespace countem
