// The CUDA runtime's host interface, as far as countem uses it, over the grid model: devices, kernels and errors. memory.cpp
// has its memory, streams.cpp its streams and events. A program that calls anything else does not link.
#include "runtime.hpp"

#include <algorithm>
#include <string>

#include "runtime_state.hpp"

namespace device_model {

runtime& the_runtime() {
  static runtime* const only = new runtime;
  return *only;
}

constinit thread_local int current_device = 0;

cudaError_t refuse(const std::string& why, cudaError_t code) {
  if (the_runtime().refusal.empty()) the_runtime().refusal = why;
  return code;
}

bool has_device() {
  return the_runtime().limits.devices > 0;
}

void set_limits(const device_limits& wanted) {
  const lock_guard held(the_runtime().lock);
  the_runtime().limits = wanted;
  the_runtime().shared_opt_in.clear();
}

const std::string& refusal() {
  return the_runtime().refusal;
}

void forget_refusal() {
  const lock_guard held(the_runtime().lock);
  the_runtime().refusal.clear();
  the_runtime().sticky = cudaSuccess;
}

std::size_t live_objects() {
  const lock_guard held(the_runtime().lock);
  const auto& r = the_runtime();
  return r.memory.size() + r.streams.size() + r.events.size();
}

cudaError_t enqueue_grid(dim3 extent, dim3 block, std::size_t shared_bytes, cudaStream_t stream, const void* kernel,
                         void (*body)(void*), std::shared_ptr<void> arguments) {
  auto& r = the_runtime();
  const lock_guard held(r.lock);
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64)
    return refuse("a block of " + std::to_string(threads) + " threads", cudaErrorInvalidConfiguration);
  if (extent.x == 0 || extent.y == 0 || extent.z == 0 || extent.x > 0x7fff'ffffU || extent.y > 65535 || extent.z > 65535) {
    return refuse("a grid of " + std::to_string(extent.x) + " x " + std::to_string(extent.y) + " x " +
                      std::to_string(extent.z) + " blocks",
                  cudaErrorInvalidConfiguration);
  }
  const std::size_t without_asking = 48 << 10;
  const auto asked = r.shared_opt_in.find(kernel);
  if (shared_bytes > std::max(without_asking, asked == r.shared_opt_in.end() ? 0 : asked->second)) {
    return refuse("a block of " + std::to_string(shared_bytes) + " bytes of dynamic shared memory was not opted in to",
                  cudaErrorInvalidValue);
  }
  return push(stream, [=, arguments = std::move(arguments)] {
    return run_grid({extent, block, shared_bytes, body, arguments.get()});
  });
}

}  // namespace device_model

using namespace device_model;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  if (!has_device())
    return cudaErrorInsufficientDriver;  // and leaves the count as it was, as a static runtime without a driver does
  *count = the_runtime().limits.devices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (!has_device()) return cudaErrorInsufficientDriver;
  if (device < 0 || device >= the_runtime().limits.devices) return cudaErrorInvalidDevice;
  current_device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return has_device() ? cudaSuccess : cudaErrorInsufficientDriver;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  if (!has_device()) return cudaErrorInsufficientDriver;
  const device_limits& limits = the_runtime().limits;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount: *value = limits.multiprocessors; return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = static_cast<int>(limits.shared_bytes_per_block); return cudaSuccess;
    default: return refuse("a device attribute that the model does not know");
  }
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const lock_guard held(the_runtime().lock);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
    return refuse("a function attribute that the model does not know");
  if (value < 0 || static_cast<std::uint32_t>(value) > the_runtime().limits.shared_bytes_per_block) {
    return refuse("a kernel asks for " + std::to_string(value) + " bytes of shared memory where the device has " +
                  std::to_string(the_runtime().limits.shared_bytes_per_block));
  }
  the_runtime().shared_opt_in[kernel] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  return the_runtime().sticky;
}
const char* cudaGetErrorString(cudaError_t code) {
  if (code == cudaSuccess) return "no error";
  if (code == cudaErrorInsufficientDriver) return "CUDA driver version is insufficient for CUDA runtime version";
  if (code == cudaErrorMemoryAllocation) return "out of memory";
  return the_runtime().refusal.empty() ? "device model error" : the_runtime().refusal.c_str();
}

}  // extern "C"
