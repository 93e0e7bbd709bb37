#pragma once

#include "kernels/cuda/event_memory.hpp"
#include "kernels/cuda/warp.cuh"

/// What the kernels that find events and those that put them in order have in common.
namespace countem::cuda {

constexpr unsigned list_threads = 128;  ///< of a block that walks a list

__device__ __forceinline__ std::uint32_t value_of(event_value kept, unsigned long long charge, unsigned long long size) {
  const unsigned long long value = kept == event_value::charge ? charge : kept == event_value::size ? size : 0;
  return static_cast<std::uint32_t>(min(value, 0xffff'ffffULL));
}

__device__ __forceinline__ std::uint64_t bucket_of(const event_memory& events, std::uint32_t frame, std::uint32_t index) {
  const std::uint32_t row = index / events.layout.grid_width;
  const std::uint32_t segment = index % events.layout.grid_width / events.layout.segment_width;
  return frame * events.layout.buckets + std::uint64_t{row} * events.layout.segments_per_row + segment;
}

/// Keeps the events of those lanes that have one. The whole warp calls.
__device__ __forceinline__ void append_events(const event_memory& events, bool has_event, found_event event) {
  const unsigned lane = threadIdx.x % warp_lanes;
  const unsigned having = __ballot_sync(whole_warp, has_event);
  if (having == 0) return;
  std::uint32_t first = 0;
  if (lane == 0) first = atomicAdd(&events.out.totals->found, static_cast<std::uint32_t>(__popc(having)));
  first = __shfl_sync(whole_warp, first, 0);
  if (!has_event) return;
  event.slot = atomicAdd(&events.buckets.counts[bucket_of(events, event.frame, event.index)], 1U);
  const std::uint32_t at = first + static_cast<std::uint32_t>(__popc(having & ((1U << lane) - 1)));
  if (at < events.out.capacity) events.components.found[at] = event;
}

}  // namespace countem::cuda
