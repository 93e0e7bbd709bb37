#include <countem/store_batches.hpp>

#include <algorithm>
#include <thread>
#include <vector>

#include <countem/error.hpp>

namespace countem {

namespace {

/// Frames read at a time, at most, and events for each thread that reads: the caches hold these, so that memory is taken and
/// filled once however many there are.
constexpr std::uint64_t frames_at_a_time = 2048;
constexpr std::uint64_t events_at_a_time = std::uint64_t{1} << 18U;

/// How many frames from `first` on are read at a time, out of `most`.
std::uint64_t frames_to_read(const event_store& store, std::uint64_t first, std::uint64_t most, unsigned threads) {
  const std::vector<std::uint32_t>& counts = store.counts();
  const std::uint64_t readers = threads != 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t events = 0;
  std::uint64_t frames = 0;
  most = std::min(most, frames_at_a_time);
  while (frames < most && events < events_at_a_time * readers) {
    const std::uint32_t count = counts[first + frames++];
    if (count != not_written) events += count;
  }
  return frames;
}

/// Reads frames [first, first + count) of the store and shows them as frames from `shown_as` on.
void visit_frames(const event_store& store, std::uint64_t first, std::uint64_t count, std::uint64_t shown_as,
                  const reading_options& options, event_batch& events, const std::function<void(const event_batch&)>& visit) {
  for (std::uint64_t done = 0; done < count;) {
    if (options.stop != nullptr && options.stop->load(std::memory_order_relaxed))
      throw interrupted("interrupted; nothing was written");
    const std::uint64_t next = frames_to_read(store, first + done, count - done, options.threads);
    store.read(first + done, static_cast<std::size_t>(next), events, options.threads);
    events.first_frame = shown_as + done;
    visit(events);
    done += next;
    if (options.progress) options.progress(shown_as + done);
  }
}

}  // namespace

void for_batches(const event_store& store, const scan_window& window, const reading_options& options,
                 const std::function<void(const event_batch&)>& visit) {
  const scan_shape& scan = store.description().scan;
  validate(window, scan);
  event_batch events;
  const std::uint64_t repeats = scan.frames_per_position;
  if (window.width == scan.width) {  // whole rows follow one another
    const std::uint64_t row_frames = std::uint64_t{scan.width} * repeats;
    visit_frames(store, window.row * row_frames, window.height * row_frames, 0, options, events, visit);
    return;
  }
  const std::uint64_t row_frames = std::uint64_t{window.width} * repeats;
  for (std::uint32_t row = 0; row < window.height; ++row) {
    const std::uint64_t first = (std::uint64_t{window.row + row} * scan.width + window.column) * repeats;
    visit_frames(store, first, row_frames, row * row_frames, options, events, visit);
  }
}

}  // namespace countem
