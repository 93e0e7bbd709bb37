#pragma once

#include "kernels/cuda/device_port.cuh"

/// Sums over a warp, all of whose lanes must call. Small and our own, because cub's warp and block headers compile
/// for the device only.
namespace countem::cuda {

constexpr unsigned whole_warp = 0xffff'ffffU;
constexpr unsigned warp_lanes = 32;

/// Sum over the warp, in every lane.
template <class T>
__device__ __forceinline__ T warp_sum(T value) {
#pragma unroll
  for (unsigned distance = warp_lanes / 2; distance != 0; distance /= 2)
    value += __shfl_xor_sync(whole_warp, value, static_cast<int>(distance));
  return value;
}

/// Sum over the lanes before this one; `total` is that of the whole warp.
__device__ __forceinline__ std::uint32_t warp_exclusive_sum(std::uint32_t value, std::uint32_t& total) {
  const unsigned lane = threadIdx.x % warp_lanes;
  std::uint32_t sum = value;
#pragma unroll
  for (unsigned distance = 1; distance < warp_lanes; distance *= 2) {
    const std::uint32_t before = __shfl_up_sync(whole_warp, sum, distance);
    if (lane >= distance) sum += before;
  }
  total = __shfl_sync(whole_warp, sum, static_cast<int>(warp_lanes - 1));
  return sum - value;
}

}  // namespace countem::cuda
