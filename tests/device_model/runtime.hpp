#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <memory>
#include <tuple>

namespace device_model {

/// Queues `work`, which touches memory like one CUDA thread, behind everything on the stream.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);

/// Queues a kernel; see launch() of device_port.cuh.
cudaError_t enqueue_grid(dim3 extent, dim3 block, std::size_t shared_bytes, cudaStream_t stream, const void* kernel,
                         void (*body)(void*), std::shared_ptr<void> arguments);

template <class... Parameters>
cudaError_t launch(dim3 extent, dim3 block, std::size_t shared_bytes, cudaStream_t stream, void (*kernel)(Parameters...),
                   const std::type_identity_t<Parameters>&... arguments) {
  struct call {
    void (*kernel)(Parameters...);
    std::tuple<Parameters...> arguments;
  };
  auto bound = std::make_shared<call>(call{kernel, {arguments...}});
  const auto body = [](void* raw) {
    const auto* bound_call = static_cast<const call*>(raw);
    std::apply(bound_call->kernel, bound_call->arguments);
  };
  return enqueue_grid(extent, block, shared_bytes, stream, reinterpret_cast<const void*>(kernel), body, std::move(bound));
}

}  // namespace device_model
