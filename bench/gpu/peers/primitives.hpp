#pragma once

#include <thrust/detail/config.h>
#include <thrust/device_vector.h>
#include <thrust/execution_policy.h>

#include <cuda/atomic>

// Thrust runs on the device, or on the host where a test chooses its host system (THRUST_DEVICE_SYSTEM).
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
#include "bench/gpu/peers/pool.hpp"
#endif

namespace countem::bench {

#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
/// Queued on one stream; temporary memory comes from the stream's pool.
class primitive_queue {
 public:
  [[nodiscard]] auto policy() { return thrust::cuda::par_nosync(pool_).on(pool_.stream()); }
  void wait() const { pool_.wait(); }

 private:
  stream_pool pool_;
};
#else
class primitive_queue {
 public:
  [[nodiscard]] auto policy() const { return thrust::device; }
  void wait() const {}
};
#endif

/// A word that threads change at the same time.
template <class T>
__host__ __device__ ::cuda::atomic_ref<T, ::cuda::thread_scope_device> shared_word(T& word) {
  return ::cuda::atomic_ref<T, ::cuda::thread_scope_device>(word);
}

}  // namespace countem::bench
