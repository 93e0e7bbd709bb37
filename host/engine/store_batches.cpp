#include <countem/store_batches.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include <countem/batch_frames.hpp>
#include <countem/error.hpp>
#include <countem/stop.hpp>
#include <countem/work.hpp>

#include "threads/ahead.hpp"

namespace countem {

namespace {

/// The most that are read at a time, so that who waits is answered.
constexpr std::uint64_t most_batch_frames = 2048;

/// Frames that are read in one go.
struct stretch {
  std::uint64_t first;     ///< in the store
  std::uint64_t count;     ///< 0: there are no more
  std::uint64_t shown_as;  ///< in the window
};

/// Divides frames of a window, row by row where it is narrower than the scan.
class window_walk {
 public:
  window_walk(const event_store& store, const scan_window& window, const frame_range& wanted, unsigned threads)
      : store_(store), window_(window), threads_(threads), at_(wanted.first), end_(wanted.end) {
    const scan_shape& scan = store.description().scan;
    const bool rows_follow = window.width == scan.width;
    row_frames_ = std::uint64_t{window.width} * scan.frames_per_position * (rows_follow ? window.height : 1);
  }

  stretch next() {
    if (at_ >= end_) return {0, 0, 0};
    const scan_shape& scan = store_.description().scan;
    const std::uint64_t row = at_ / row_frames_;
    const std::uint64_t start =
        ((window_.row + row) * scan.width + window_.column) * scan.frames_per_position + at_ % row_frames_;
    const std::uint64_t most = std::min({end_ - at_, (row + 1) * row_frames_ - at_, most_batch_frames});
    const stretch found{start, batch_frames(store_.counts(), start, most, threads_), at_};
    at_ += found.count;
    return found;
  }

 private:
  const event_store& store_;
  const scan_window& window_;
  unsigned threads_;
  std::uint64_t row_frames_ = 0;
  std::uint64_t at_;  ///< in the window
  std::uint64_t end_;
};

}  // namespace

void for_batches(const event_store& store, const scan_window& window, const reading_options& options,
                 const std::function<void(const event_batch&)>& visit) {
  const scan_shape& scan = store.description().scan;
  validate(window, scan);
  const std::uint64_t frames = std::uint64_t{window.height} * window.width * scan.frames_per_position;
  const frame_range wanted = options.only.value_or(frame_range{0, frames});
  if (wanted.first > wanted.end || wanted.end > frames) throw invalid_argument("more frames are wanted than are to be read");
  std::optional<work> reading;  // who reads a part knows how large the whole is
  if (!options.only) reading.emplace("reading", "frames", frames);
  event_batch current;
  event_batch following;  // outlives who reads into it
  window_walk walk(store, window, wanted, options.threads);
  ahead reading_ahead(options.threads);
  const auto start = [&](const stretch& frames, event_batch& into) {
    reading_ahead.start([&, frames] {
      store.read(frames.first, static_cast<std::size_t>(frames.count), into, options.threads);
      into.first_frame = frames.shown_as;
    });
  };
  const auto stop_if_asked = [&] {
    if (options.stop != nullptr && options.stop->load(std::memory_order_relaxed))
      throw interrupted("interrupted; nothing was written");
  };
  stretch now = walk.next();
  if (now.count == 0) return;
  stop_if_asked();
  start(now, current);
  reading_ahead.wait();
  while (now.count != 0) {
    stop_if_asked();
    const stretch next = walk.next();
    if (next.count != 0) start(next, following);
    visit(current);
    check_stop();
    if (reading) reading->advance(now.count);
    if (options.after_batch) options.after_batch();
    reading_ahead.wait();
    std::swap(current, following);
    now = next;
  }
}

}  // namespace countem
