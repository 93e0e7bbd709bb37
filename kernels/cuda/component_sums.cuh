#pragma once

#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/event_memory.hpp"

/// What the kernels of method cluster add up, whatever holds a component together.
namespace countem::cuda {

/// What a component adds up to; coordinates weighted by charge, from the window's corner.
struct component_sums {
  unsigned long long charge = 0;
  unsigned long long row = 0;
  unsigned long long column = 0;
  std::uint32_t size = 0;
  bool xray = false;

  __device__ __forceinline__ void add(const batch_view& batch, std::int32_t hit_charge, std::uint32_t from_row,
                                      std::uint32_t from_column) {
    const auto weight = static_cast<unsigned long long>(hit_charge);
    charge += weight;
    row += weight * from_row;
    column += weight * from_column;
    ++size;
    xray = xray || hit_charge >= batch.calibrated.xray16;
  }
};

/// Rejects a component that holds an X-ray and tallies it; returns whether the others have a wanted size.
__device__ __forceinline__ bool is_event(const event_memory& events, std::uint32_t frame, bool xray, unsigned long long size) {
  if (xray) atomicAdd(&events.out.xrays[frame], 1U);
  return !xray && size >= events.options.min_cluster_size && size <= events.options.max_cluster_size;
}

}  // namespace countem::cuda
