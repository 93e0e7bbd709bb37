#pragma once

/// The only place where the cuda backend's sources differ between nvcc and a host compiler. With nvcc: CUDA as it is. Without:
/// the device model of tests/device_model, which gives the same names the same meaning on the CPU.

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#ifndef __CUDACC__
#include <device_model/built_ins.hpp>
#include <device_model/runtime.hpp>
#endif

/// Declares a variable in the block's shared memory.
#ifdef __CUDACC__
#define COUNTEM_SHARED(type, name) __shared__ type name
#else
#define COUNTEM_SHARED(type, name)     \
  static const char name##_declared{}; \
  type& name = *static_cast<type*>(device_model::shared_variable(&name##_declared, sizeof(type)))
#endif

namespace countem::cuda {

/// The dynamic shared memory of the block; `extern __shared__` has no spelling that a host compiler takes.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char countem_dynamic_shared[];
  return reinterpret_cast<T*>(countem_dynamic_shared);
#else
  return reinterpret_cast<T*>(device_model::dynamic_shared());
#endif
}

/// A load that other threads' atomics on the same address may race with.
__device__ __forceinline__ std::uint32_t load_relaxed(const std::uint32_t* address) {
#ifdef __CUDACC__
  return *static_cast<const volatile std::uint32_t*>(address);
#else
  return __atomic_load_n(address, __ATOMIC_RELAXED);
#endif
}

}  // namespace countem::cuda
