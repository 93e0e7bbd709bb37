#pragma once

#include "kernels/cuda/batch.hpp"
#include "kernels/cuda/device_port.cuh"
#include "kernels/cuda/resources.hpp"

namespace countem::cuda {

struct launch_shape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
};

/// Blocks of `threads` that cover `work` items.
constexpr unsigned blocks_for(std::uint64_t work, unsigned threads) {
  return static_cast<unsigned>((work + threads - 1) / threads);
}

constexpr unsigned word_threads = 128;  ///< of a block of one_thread_per_word()

/// A thread for each word of the bit images; blockIdx.y is the frame. The last block has threads beyond the frame.
inline launch_shape one_thread_per_word(const batch_view& batch) {
  return {dim3(blocks_for(batch.words, word_threads), batch.frames), dim3(word_threads)};
}

/// Queues a kernel.
/// @throws cuda_error when it cannot be queued; what goes wrong while it runs shows at the next wait for the stream.
template <class... Parameters>
void launch(const launch_shape& shape, cudaStream_t stream, void (*kernel)(Parameters...),
            const std::type_identity_t<Parameters>&... arguments) {
#ifdef __CUDACC__
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  check(cudaLaunchKernelEx(&config, kernel, arguments...), "launching a kernel");
#else
  check(device_model::launch(shape.grid, shape.block, shape.shared_bytes, stream, kernel, arguments...), "launching a kernel");
#endif
}

}  // namespace countem::cuda
