#pragma once

#include "kernels/cuda/warp.cuh"

namespace countem::cuda {

/// Numbers bits of the words that the lanes of a warp hold, so that every lane then has one to work on. In shared memory, for
/// blocks of `Threads`; a word has at most `Most` bits that are set.
template <unsigned Threads, unsigned Most>
struct bit_queue {
  std::uint16_t place[Threads / warp_lanes][Most * warp_lanes];

  /// Returns how many bits there are. The whole warp calls.
  __device__ std::uint32_t fill(std::uint32_t bits) {
    const unsigned lane = threadIdx.x % warp_lanes;
    std::uint32_t total = 0;
    std::uint32_t next = warp_exclusive_sum(static_cast<std::uint32_t>(__popc(bits)), total);
    for (; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<std::uint32_t>(__ffs(static_cast<int>(bits)) - 1);
      place[threadIdx.x / warp_lanes][next++] = static_cast<std::uint16_t>(lane * warp_lanes + bit);
    }
    __syncwarp();
    return total;
  }

  /// Lane of the word that holds a bit of this warp.
  [[nodiscard]] __device__ std::uint32_t lane_of(std::uint32_t number) const {
    return place[threadIdx.x / warp_lanes][number] / warp_lanes;
  }
  /// Its place in that word.
  [[nodiscard]] __device__ std::uint32_t bit_of(std::uint32_t number) const {
    return place[threadIdx.x / warp_lanes][number] % warp_lanes;
  }
};

}  // namespace countem::cuda
