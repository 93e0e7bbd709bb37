// The order of events that were found in any order, and where each frame's events begin.
#include "kernels/cuda/found_events.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

namespace {

/// One thread per found event: into its bucket.
__global__ void __launch_bounds__(list_threads) bucket_kernel(event_memory events) {
  const std::uint32_t found = events.out.totals->found;
  if (found > events.out.capacity) return;  // the host asks again with more room
  for (std::uint32_t i = blockIdx.x * list_threads + threadIdx.x; i < found; i += gridDim.x * list_threads) {
    const found_event event = events.components.found[i];
    events.components.bucketed[events.buckets.offsets[bucket_of(events, event.frame, event.index)] + event.slot] = {
        event.index, event.value};
  }
}

/// One thread per found event: its place in its bucket is the number of events that come before it.
__global__ void __launch_bounds__(list_threads) order_kernel(event_memory events) {
  const std::uint32_t found = events.out.totals->found;
  if (found > events.out.capacity) return;
  for (std::uint32_t i = blockIdx.x * list_threads + threadIdx.x; i < found; i += gridDim.x * list_threads) {
    const found_event event = events.components.found[i];
    const std::uint64_t bucket = bucket_of(events, event.frame, event.index);
    const std::uint32_t first = events.buckets.offsets[bucket];
    const std::uint32_t size = events.buckets.offsets[bucket + 1] - first;
    std::uint32_t place = 0;
    for (std::uint32_t other = 0; other < size; ++other) {
      const sortable_event rival = events.components.bucketed[first + other];
      const bool equal = rival.index == event.index && rival.value == event.value;
      const bool less = rival.index < event.index || (rival.index == event.index && rival.value < event.value);
      if (less || (equal && other < event.slot)) ++place;
    }
    events.out.indices[first + place] = event.index;
    if (events.out.values != nullptr) events.out.values[first + place] = event.value;
  }
}

/// One thread per frame: where its events begin.
__global__ void __launch_bounds__(word_threads) report_kernel(batch_view batch, event_memory events) {
  const std::uint32_t frame = blockIdx.x * word_threads + threadIdx.x;
  if (frame > batch.frames) return;
  events.out.indptr[frame] = events.buckets.offsets[frame * events.layout.buckets];
  if (frame == batch.frames) events.out.totals->events = events.out.indptr[frame];
}

}  // namespace

void place_found_events(const batch_view&, const event_memory& events, int multiprocessors, cudaStream_t stream) {
  const launch_shape list{dim3(static_cast<unsigned>(8 * multiprocessors)), dim3(list_threads)};
  launch(list, stream, bucket_kernel, events);
  launch(list, stream, order_kernel, events);
}

void report_events(const batch_view& batch, const event_memory& events, cudaStream_t stream) {
  const launch_shape frames{dim3(blocks_for(std::uint64_t{batch.frames} + 1, word_threads)), dim3(word_threads)};
  launch(frames, stream, report_kernel, batch, events);
}

}  // namespace countem::cuda
