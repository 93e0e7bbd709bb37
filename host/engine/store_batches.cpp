#include <countem/store_batches.hpp>

#include <algorithm>
#include <optional>
#include <vector>

#include <countem/batch_frames.hpp>
#include <countem/error.hpp>
#include <countem/stop.hpp>
#include <countem/work.hpp>

namespace countem {

namespace {

/// The most that are read at a time, so that who waits is answered.
constexpr std::uint64_t most_batch_frames = 2048;

/// Reads frames [first, first + count) of the store and shows them as frames from `shown_as` on.
void visit_frames(const event_store& store, std::uint64_t first, std::uint64_t count, std::uint64_t shown_as,
                  const reading_options& options, event_batch& events, std::optional<work>& reading,
                  const std::function<void(const event_batch&)>& visit) {
  for (std::uint64_t done = 0; done < count;) {
    if (options.stop != nullptr && options.stop->load(std::memory_order_relaxed))
      throw interrupted("interrupted; nothing was written");
    const std::uint64_t next =
        batch_frames(store.counts(), first + done, std::min(count - done, most_batch_frames), options.threads);
    store.read(first + done, static_cast<std::size_t>(next), events, options.threads);
    events.first_frame = shown_as + done;
    visit(events);
    done += next;
    check_stop();
    if (reading) reading->advance(next);
    if (options.after_batch) options.after_batch();
  }
}

}  // namespace

void for_batches(const event_store& store, const scan_window& window, const reading_options& options,
                 const std::function<void(const event_batch&)>& visit) {
  const scan_shape& scan = store.description().scan;
  validate(window, scan);
  event_batch events;
  const std::uint64_t repeats = scan.frames_per_position;
  const std::uint64_t frames = std::uint64_t{window.height} * window.width * repeats;
  const frame_range wanted = options.only.value_or(frame_range{0, frames});
  if (wanted.first > wanted.end || wanted.end > frames) throw invalid_argument("more frames are wanted than are to be read");
  std::optional<work> reading;  // who reads a part knows how large the whole is
  if (!options.only) reading.emplace("reading", "frames", frames);
  if (window.width == scan.width) {  // whole rows follow one another
    const std::uint64_t first = std::uint64_t{window.row} * scan.width * repeats;
    visit_frames(store, first + wanted.first, wanted.frames(), wanted.first, options, events, reading, visit);
    return;
  }
  const std::uint64_t row_frames = std::uint64_t{window.width} * repeats;
  for (std::uint64_t at = wanted.first; at < wanted.end;) {
    const std::uint64_t row = at / row_frames;
    const std::uint64_t end = std::min(wanted.end, (row + 1) * row_frames);
    const std::uint64_t first = ((window.row + row) * scan.width + window.column) * repeats + at % row_frames;
    visit_frames(store, first, end - at, at, options, events, reading, visit);
    at = end;
  }
}

}  // namespace countem
