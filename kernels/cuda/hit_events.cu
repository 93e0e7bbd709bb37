// Methods maximum and pixels: events are hits.
#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/found_events.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

namespace {

/// Charge of a neighbour as method maximum sees it: 0 outside the frame, for what is no hit, and for X-rays.
template <class Pixel>
__device__ __forceinline__ std::int32_t kept_charge(const batch_view& batch, const bit_image& hits, std::uint32_t frame,
                                                    std::int64_t row, std::int64_t column) {
  if ((hits.window(row, column) & 1U) == 0) return 0;
  const std::int32_t charge =
      final_charge<Pixel>(batch, frame, static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(column));
  return charge < batch.calibrated.xray16 ? charge : 0;
}

template <class Pixel>
__device__ __forceinline__ bool is_maximum(const batch_view& batch, const bit_image& hits, std::uint32_t frame,
                                           std::uint32_t row, std::uint32_t column, std::int32_t charge) {
  for (int down = -1; down <= 1; ++down) {
    for (int right = -1; right <= 1; ++right) {
      if (down == 0 && right == 0) continue;
      if (kept_charge<Pixel>(batch, hits, frame, std::int64_t{row} + down, std::int64_t{column} + right) >= charge)
        return false;
    }
  }
  return true;
}

/// One thread per word: tallies X-ray pixels and counts events. Method pixels keeps all hits, method maximum makes its own bit
/// image.
template <class Pixel>
__global__ void __launch_bounds__(word_threads) hit_events_kernel(batch_view batch, event_memory events) {
  const std::uint64_t number = std::uint64_t{blockIdx.x} * word_threads + threadIdx.x;
  if (number >= batch.words) return;
  const std::uint32_t frame = blockIdx.y;
  const std::uint64_t in_batch = frame * batch.words + number;
  const word_place place(batch, static_cast<std::uint32_t>(number));
  const bit_image hits(batch, batch.bits, frame);
  const bool maximum = events.options.method == counting_method::maximum;
  std::uint32_t kept = batch.bits[in_batch];
  std::uint32_t xrays = 0;
  for (std::uint32_t bits = kept; bits != 0; bits &= bits - 1) {
    const std::uint32_t bit = first_bit(bits);
    const std::uint32_t column = place.first_column() + bit;
    const std::int32_t charge = final_charge<Pixel>(batch, frame, place.row, column);
    const bool xray = charge >= batch.calibrated.xray16;
    if (xray) ++xrays;
    if (maximum && (xray || !is_maximum<Pixel>(batch, hits, frame, place.row, column, charge))) kept &= ~(1U << bit);
  }
  if (maximum) events.maxima[in_batch] = kept;
  events.buckets.counts[in_batch] = static_cast<std::uint32_t>(__popc(kept));
  if (xrays != 0) atomicAdd(&events.out.xrays[frame], xrays);
}

/// One thread per word: writes its events to their place, which the scan of the counts gave.
template <class Pixel>
__global__ void __launch_bounds__(word_threads) place_hits_kernel(batch_view batch, event_memory events) {
  const std::uint64_t number = std::uint64_t{blockIdx.x} * word_threads + threadIdx.x;
  if (number >= batch.words) return;
  const std::uint32_t frame = blockIdx.y;
  const std::uint64_t in_batch = frame * batch.words + number;
  const word_place place(batch, static_cast<std::uint32_t>(number));
  std::uint32_t at = events.buckets.offsets[in_batch];
  const std::uint32_t* const image = events.options.method == counting_method::maximum ? events.maxima : batch.bits;
  for (std::uint32_t bits = image[in_batch]; bits != 0; bits &= bits - 1, ++at) {
    if (at >= events.out.capacity) return;
    const std::uint32_t column = place.first_column() + first_bit(bits);
    events.out.indices[at] = place.row * batch.width + column;
    if (events.out.values == nullptr) continue;
    const auto charge = static_cast<unsigned long long>(final_charge<Pixel>(batch, frame, place.row, column));
    events.out.values[at] = value_of(events.options.values, charge, 1);
  }
}

}  // namespace

void count_hit_events(const batch_view& batch, const event_memory& events, int, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    launch(one_thread_per_word(batch), stream, hit_events_kernel<decltype(pixel)>, batch, events);
  });
}

void place_hit_events(const batch_view& batch, const event_memory& events, int, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    launch(one_thread_per_word(batch), stream, place_hits_kernel<decltype(pixel)>, batch, events);
  });
}

}  // namespace countem::cuda
