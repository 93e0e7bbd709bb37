// Displaced events on one thread or many. Frames of one scan position, or of neighbouring ones, meet in the same cells: threads
// share the image by atomic additions, which cost less than an image for each of them.
#include <countem/displaced_sum.hpp>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <atomic>

#include "threads/arena.hpp"

namespace countem::cpu {

namespace {

/// All that the process may use.
unsigned most_threads() {
  using oneapi::tbb::global_control;
  return static_cast<unsigned>(global_control::active_value(global_control::max_allowed_parallelism));
}

/// What is left out is counted where nobody sees it: a choice between two addresses is no branch that could be mispredicted.
void add_frame(std::span<const std::uint32_t> frame, const std::int32_t* cells, std::uint32_t* here) {
  std::uint32_t left_out = 0;
  for (const std::uint32_t index : frame) {
    const std::int32_t cell = cells[index];
    std::uint32_t* const counted = cell == displacement_map::nowhere ? &left_out : here + cell;
    ++*counted;
  }
}

void add_frame_shared(std::span<const std::uint32_t> frame, const std::int32_t* cells, std::uint32_t* here) {
  for (const std::uint32_t index : frame) {
    const std::int32_t cell = cells[index];
    if (cell != displacement_map::nowhere) std::atomic_ref(here[cell]).fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

void add_displaced(const event_view& events, const displacement_map& map, std::span<const std::uint64_t> frame_cells,
                   std::span<std::uint32_t> image, unsigned threads) {
  validate(events, map, frame_cells, image);
  const std::size_t frames = events.frames();
  const unsigned used = threads == 0 ? most_threads() : std::min(threads, most_threads());
  const auto here = [&](std::size_t frame) { return image.data() + frame_cells[frame]; };
  if (used == 1 || frames < 2) {
    for (std::size_t f = 0; f < frames; ++f) add_frame(events.events(f), map.cells.data(), here(f));
    return;
  }
  arena_of(used).execute([&] {
    oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<std::size_t>(0, frames, 1 + frames / (std::size_t{16} * used)),
                              [&](const auto& range) {
                                for (std::size_t f = range.begin(); f < range.end(); ++f)
                                  add_frame_shared(events.events(f), map.cells.data(), here(f));
                              });
  });
}

}  // namespace countem::cpu
