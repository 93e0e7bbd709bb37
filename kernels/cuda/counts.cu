// Method counts: the pixels of a detector that counts by itself. A hit is a pixel with at least one event; its raw value gives
// how many.
#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/stages.hpp"
#include "kernels/cuda/warp.cuh"

namespace countem::cuda {

namespace {

/// More events than a frame may have: the host refuses it, whatever the exact number.
constexpr std::uint32_t too_many = 2 * most_counted_events;

/// Events of a hit.
template <class Pixel>
__device__ __forceinline__ std::uint32_t multiplicity(Pixel raw) {
  return min(std::uint32_t{raw}, too_many);
}
__device__ __forceinline__ std::uint32_t multiplicity(float raw) {
  return static_cast<std::uint32_t>(fminf(rintf(raw), static_cast<float>(too_many)));
}

/// One thread per word: how many events its pixels have. The scan adds 32-bit counts, which wrap in a batch of 2^32 events or
/// more; the frames' totals have 64 bits, and the host refuses such a batch by them.
template <class Pixel>
__global__ void __launch_bounds__(word_threads) count_kernel(batch_view batch, event_memory events) {
  const std::uint64_t number = std::uint64_t{blockIdx.x} * word_threads + threadIdx.x;
  const std::uint64_t in_batch = blockIdx.y * batch.words + number;
  unsigned long long total = 0;
  if (number < batch.words) {
    const word_place place(batch, static_cast<std::uint32_t>(number));
    const Pixel* const row = raw_frame<Pixel>(batch, blockIdx.y) + std::uint64_t{place.row} * batch.width;
    for (std::uint32_t bits = batch.bits[in_batch]; bits != 0; bits &= bits - 1)
      total += multiplicity(row[place.first_column() + first_bit(bits)]);
    events.buckets.counts[in_batch] = static_cast<std::uint32_t>(total);
  }
  total = warp_sum(total);
  if (threadIdx.x % warp_lanes == 0 && total != 0) atomicAdd(&events.out.counted[blockIdx.y], total);
}

/// One thread per word; the warp writes the events of one pixel after another together.
template <class Pixel>
__global__ void __launch_bounds__(word_threads) place_counts_kernel(batch_view batch, event_memory events) {
  const std::uint64_t number = std::uint64_t{blockIdx.x} * word_threads + threadIdx.x;
  const std::uint64_t in_batch = blockIdx.y * batch.words + number;
  const bool in_frame = number < batch.words;
  const unsigned lane = threadIdx.x % warp_lanes;
  const word_place place(batch, static_cast<std::uint32_t>(number));
  const Pixel* const raw = raw_frame<Pixel>(batch, blockIdx.y);
  std::uint32_t bits = in_frame ? batch.bits[in_batch] : 0;
  std::uint32_t at = in_frame ? events.buckets.offsets[in_batch] : 0;
  for (unsigned left = __ballot_sync(whole_warp, bits != 0); left != 0; left = __ballot_sync(whole_warp, bits != 0)) {
    const std::uint32_t turn = first_bit(left);
    std::uint32_t index = 0;
    std::uint32_t copies = 0;
    if (lane == turn) {
      index = place.row * batch.width + place.first_column() + first_bit(bits);
      copies = multiplicity(raw[index]);
    }
    index = __shfl_sync(whole_warp, index, static_cast<int>(turn));
    copies = __shfl_sync(whole_warp, copies, static_cast<int>(turn));
    const std::uint32_t first = __shfl_sync(whole_warp, at, static_cast<int>(turn));
    for (std::uint64_t k = lane; k < copies; k += warp_lanes) {
      if (first + k >= events.out.capacity) break;
      events.out.indices[first + k] = index;
    }
    if (lane == turn) {
      at += copies;
      bits &= bits - 1;
    }
  }
}

}  // namespace

void count_multiplicities(const batch_view& batch, const event_memory& events, int, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    launch(one_thread_per_word(batch), stream, count_kernel<decltype(pixel)>, batch, events);
  });
}

void place_multiplicities(const batch_view& batch, const event_memory& events, int, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    launch(one_thread_per_word(batch), stream, place_counts_kernel<decltype(pixel)>, batch, events);
  });
}

}  // namespace countem::cuda
