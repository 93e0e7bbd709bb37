#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/resources.hpp"

namespace countem::bench {

/// Thrust's temporary memory: taken in the stream's order from a pool that keeps what it once had.
class stream_pool {
 public:
  using value_type = char;

  stream_pool() {
    int device = 0;
    cuda::check(cudaGetDevice(&device), "asking for the device");
    cudaMemPool_t pool = nullptr;
    cuda::check(cudaDeviceGetDefaultMemPool(&pool, device), "asking for the device's pool");
    std::uint64_t all = UINT64_MAX;
    cuda::check(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all), "setting the pool's size");
  }

  char* allocate(std::ptrdiff_t bytes) {
    void* memory = nullptr;
    cuda::check(cudaMallocAsync(&memory, static_cast<std::size_t>(bytes), stream_.get()), "taking temporary memory");
    return static_cast<char*>(memory);
  }
  void deallocate(char* memory, std::size_t) noexcept { cudaFreeAsync(memory, stream_.get()); }

  [[nodiscard]] cudaStream_t stream() const { return stream_.get(); }
  void wait() const { stream_.synchronize(); }

 private:
  cuda::cuda_stream stream_;
};

}  // namespace countem::bench
