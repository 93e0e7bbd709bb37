#include "kernels/cuda/counting_scratch.hpp"

#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

void counting_scratch::reserve(const counting_setup& setup, const batch_sizes& sizes) {
  bits.reserve(sizes.frames * sizes.words);
  if (subtracts_noise(setup.options)) noise16.reserve(sizes.frames * setup.shape.height * 2);
  const std::uint64_t all_counts = sizes.frames * sizes.layout.buckets + 1;
  counts.reserve(all_counts);
  offsets.reserve(all_counts);
  scan.reserve(scan_scratch_bytes(all_counts));
  if (setup.options.method == counting_method::maximum) maxima.reserve(sizes.frames * sizes.words);
  if (setup.options.method == counting_method::cluster) labels_needed.reserve(sizes.frames);
}

void counting_scratch::reserve(counting_method method, const capacities& room, const batch_sizes& sizes) {
  if (!orders_events(method)) return;
  found.reserve(room.events);
  bucketed.reserve(room.events);
  if (method != counting_method::cluster) return;
  thread_overflow.reserve(room.thread_overflows);
  warp_overflow.reserve(room.warp_overflows);
  sums.reserve(room.warp_overflows);
  if (!room.labels) return;
  labels.reserve(sizes.frames * sizes.frame_pixels);
  label_slots.reserve(sizes.frames * sizes.frame_pixels);
}

component_memory counting_scratch::components(const capacities& room) const {
  component_memory memory;
  memory.found = found.data();
  memory.bucketed = bucketed.data();
  memory.thread_overflow = {thread_overflow.data(), room.thread_overflows};
  memory.warp_overflow = {warp_overflow.data(), room.warp_overflows};
  memory.labels = {labels.data(), label_slots.data(), sums.data(), labels_needed.data()};
  return memory;
}

}  // namespace countem::cuda
