#include "kernels/cuda/batch_sizes.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include <countem/error.hpp>

namespace countem::cuda {

namespace {

/// Raw frames of a batch. Later stages read the raw pixels of hits again and find them in the device's cache.
constexpr std::size_t batch_bytes = 32 << 20;

std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) {
  return (a + b - 1) / b;
}

event_layout layout_of(const counting_setup& setup, std::uint64_t words) {
  const auto [height, width] = setup.shape;
  const std::uint32_t k = setup.options.upsample;
  event_layout layout;
  layout.grid_width = width * k;
  // About as many buckets as words: rows of the finer grid are cut into fewer pieces.
  layout.segments_per_row = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, divide_up(width, 32 * std::uint64_t{k})));
  layout.segment_width = static_cast<std::uint32_t>(divide_up(layout.grid_width, layout.segments_per_row));
  layout.buckets = orders_events(setup.options.method) ? std::uint64_t{height} * k * layout.segments_per_row : words;
  return layout;
}

}  // namespace

batch_sizes::batch_sizes(const counting_setup& setup, const device_options& options)
    : frame_pixels(setup.shape.pixels()),
      frame_bytes(frame_pixels * size_of(setup.type)),
      words_per_row(static_cast<std::uint32_t>(divide_up(setup.shape.width, 32))),
      words(std::uint64_t{setup.shape.height} * words_per_row),
      layout(layout_of(setup, words)) {
  // Small frames on a much finer grid have more buckets than pixels.
  const std::uint64_t bytes_each = std::max<std::uint64_t>(frame_bytes, layout.buckets * sizeof(std::uint32_t));
  const std::size_t wanted = options.batch_frames != 0 ? options.batch_frames : batch_bytes / bytes_each;
  const auto addressable = static_cast<std::size_t>(max_pixels / frame_pixels);  // event numbers of a batch have 32 bits
  frames = std::clamp<std::size_t>(wanted, 1, std::min(most_batch_frames, addressable));
}

capacities first_capacities(const batch_sizes& sizes, std::uint32_t event_capacity) {
  const std::uint64_t pixels = sizes.frames * sizes.frame_pixels;
  const auto guess = [&](std::uint64_t pixels_per_entry) {
    return event_capacity != 0 ? event_capacity : static_cast<std::uint32_t>(pixels / pixels_per_entry + 1024);
  };
  capacities room;
  room.events = guess(64);
  room.thread_overflows = guess(256);
  room.warp_overflows = room.thread_overflows / 16 + 1;
  return room;
}

void require_numbers(std::span<const unsigned long long> of_frames) {
  std::uint64_t all = 0;
  for (const unsigned long long of_frame : of_frames) {
    require_counted_events(of_frame);
    all += of_frame;
  }
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  if (all <= most) return;
  throw cuda_error("a batch of " + std::to_string(of_frames.size()) + " frames has " + std::to_string(all) +
                   " events, and a device numbers at most " + std::to_string(most) + " per batch: count fewer frames at once");
}

bool had_room(const capacities& room, const batch_totals& totals) {
  return grown(room, totals) == room;
}

capacities grown(const capacities& room, const batch_totals& totals) {
  return {.events = std::max({room.events, totals.found, totals.events}),
          .thread_overflows = std::max(room.thread_overflows, totals.thread_overflows),
          .warp_overflows = std::max(room.warp_overflows, totals.warp_overflows),
          .labels = room.labels || totals.warp_overflows != 0};
}

}  // namespace countem::cuda
