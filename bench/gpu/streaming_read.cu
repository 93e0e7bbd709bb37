#include "bench/gpu/streaming_read.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/resources.hpp"
#include "kernels/cuda/warp.cuh"

namespace countem::bench {

namespace {

using namespace cuda;

constexpr unsigned threads = 512;
constexpr unsigned loads = 4;  ///< of 16 bytes that a thread has in flight

__device__ __forceinline__ std::uint32_t folded(uint4 four) {
  return four.x + four.y + four.z + four.w;
}

__global__ void __launch_bounds__(threads) read_kernel(const uint4* from, std::size_t count, std::uint32_t* sums) {
  std::uint32_t sum = 0;
  const std::size_t stride = std::size_t{gridDim.x} * threads;
  std::size_t i = std::size_t{blockIdx.x} * threads + threadIdx.x;
  for (; i + (loads - 1) * stride < count; i += loads * stride) {
#pragma unroll
    for (unsigned l = 0; l < loads; ++l) sum += folded(from[i + l * stride]);
  }
  for (; i < count; i += stride) sum += folded(from[i]);
  sum = __reduce_add_sync(whole_warp, sum);
  if (threadIdx.x % warp_lanes == 0 && sum != 0) atomicAdd(sums, sum);
}

constexpr std::size_t frame_pixels = 576 * 576;

/// One block per frame: the sum of the pixels under a mask of one byte per pixel.
__global__ void __launch_bounds__(threads)
    dense_virtual_kernel(const uint4* frames, const std::uint8_t* mask, std::uint32_t* sums) {
  const uint4* const frame = frames + std::size_t{blockIdx.x} * frame_pixels / 8;
  std::uint32_t sum = 0;
  for (std::size_t i = threadIdx.x; i < frame_pixels / 8; i += threads) {
    const uint4 eight = frame[i];
    const auto inside = reinterpret_cast<const unsigned long long*>(mask)[i];
    const std::uint32_t words[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
    for (unsigned p = 0; p < 8; ++p) {
      if (((inside >> (8 * p)) & 0xffU) != 0) sum += (words[p / 2] >> (16 * (p % 2))) & 0xffffU;
    }
  }
  sum = __reduce_add_sync(whole_warp, sum);
  if (threadIdx.x % warp_lanes == 0) atomicAdd(&sums[blockIdx.x], sum);
}

/// Seconds that a round of `queue` takes: the median of several.
template <class Queue>
double median_seconds(const cuda_stream& stream, Queue queue) {
  constexpr int rounds = 9;
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) {
    cuda_event begins(true);
    cuda_event ends(true);
    begins.record(stream);
    queue();
    ends.record(stream);
    ends.synchronize();
    seconds.push_back(ends.milliseconds_since(begins) / 1e3);
  }
  std::ranges::nth_element(seconds, seconds.begin() + rounds / 2);
  return seconds[rounds / 2];
}

unsigned multiprocessors() {
  int device = 0;
  int count = 0;
  check(cudaGetDevice(&device), "asking for the device");
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "reading the device's size");
  return static_cast<unsigned>(count);
}

/// Bytes that no memory compresses or skips.
device_buffer<uint4> uneven_bytes(std::size_t bytes, const cuda_stream& stream) {
  const std::size_t count = bytes / sizeof(uint4);
  pinned_buffer<uint4> piece(std::size_t{1} << 20);
  std::uint32_t state = 1;
  const auto next = [&] { return state = state * 1'664'525U + 1'013'904'223U; };
  std::generate_n(piece.data(), piece.size(), [&] { return uint4{next(), next(), next(), next()}; });
  device_buffer<uint4> filled(count);
  for (std::size_t done = 0; done < count; done += piece.size())
    copy_to_device(piece.data(), filled.data() + done, std::min(piece.size(), count - done), stream);
  stream.synchronize();
  return filled;
}

}  // namespace

double device_read_gigabytes_per_s(std::size_t bytes) {
  const cuda_stream stream;
  const device_buffer<uint4> buffer = uneven_bytes(bytes, stream);
  device_buffer<std::uint32_t> sums(1);
  fill_with_zeros(sums.data(), 1, stream);
  const double seconds = median_seconds(stream, [&] {
    launch({dim3(multiprocessors() * 4), dim3(threads)}, stream.get(), read_kernel, buffer.data(), buffer.size(), sums.data());
  });
  return static_cast<double>(buffer.bytes()) / seconds / 1e9;
}

double dense_virtual_frames_per_s(std::size_t frames) {
  const cuda_stream stream;
  const device_buffer<uint4> buffer = uneven_bytes(frames * frame_pixels * 2, stream);
  device_buffer<std::uint8_t> mask(frame_pixels);
  device_buffer<std::uint32_t> sums(frames);
  fill_with_zeros(mask.data(), mask.size(), stream);
  const double seconds = median_seconds(stream, [&] {
    fill_with_zeros(sums.data(), frames, stream);
    launch({dim3(static_cast<unsigned>(frames)), dim3(threads)}, stream.get(), dense_virtual_kernel, buffer.data(), mask.data(),
           sums.data());
  });
  return static_cast<double>(frames) / seconds;
}

}  // namespace countem::bench
