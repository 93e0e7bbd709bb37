// Methods maximum and pixels, and the order of events for all methods.
#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/found_events.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"

namespace countem::cuda {

namespace {

constexpr unsigned word_threads = 128;

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

/// One thread a word: tallies X-ray pixels and counts events. Method pixels keeps all hits, method maximum makes its own bit
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
  events.counts[in_batch] = static_cast<std::uint32_t>(__popc(kept));
  if (xrays != 0) atomicAdd(&events.xrays[frame], xrays);
}

/// One thread a word: writes its events to their place, which the scan of the counts gave.
template <class Pixel>
__global__ void __launch_bounds__(word_threads) place_hits_kernel(batch_view batch, event_memory events) {
  const std::uint64_t number = std::uint64_t{blockIdx.x} * word_threads + threadIdx.x;
  if (number >= batch.words) return;
  const std::uint32_t frame = blockIdx.y;
  const std::uint64_t in_batch = frame * batch.words + number;
  const word_place place(batch, static_cast<std::uint32_t>(number));
  std::uint32_t at = events.offsets[in_batch];
  const std::uint32_t* const image = events.options.method == counting_method::maximum ? events.maxima : batch.bits;
  for (std::uint32_t bits = image[in_batch]; bits != 0; bits &= bits - 1, ++at) {
    if (at >= events.capacity) return;
    const std::uint32_t column = place.first_column() + first_bit(bits);
    events.indices[at] = place.row * batch.width + column;
    if (events.values == nullptr) continue;
    const auto charge = static_cast<unsigned long long>(final_charge<Pixel>(batch, frame, place.row, column));
    events.values[at] = value_of(events.options.values, charge, 1);
  }
}

/// One thread a found event: into its bucket.
__global__ void __launch_bounds__(list_threads) bucket_kernel(event_memory events) {
  const std::uint32_t found = events.totals->found;
  if (found > events.capacity) return;  // the host asks again with more room
  for (std::uint32_t i = blockIdx.x * list_threads + threadIdx.x; i < found; i += gridDim.x * list_threads) {
    const found_event event = events.found[i];
    events.bucketed[events.offsets[bucket_of(events, event.frame, event.index)] + event.slot] = {event.index, event.value};
  }
}

/// One thread a found event: its place in its bucket is the number of events that come before it.
__global__ void __launch_bounds__(list_threads) order_kernel(event_memory events) {
  const std::uint32_t found = events.totals->found;
  if (found > events.capacity) return;
  for (std::uint32_t i = blockIdx.x * list_threads + threadIdx.x; i < found; i += gridDim.x * list_threads) {
    const found_event event = events.found[i];
    const std::uint64_t bucket = bucket_of(events, event.frame, event.index);
    const std::uint32_t first = events.offsets[bucket];
    const std::uint32_t size = events.offsets[bucket + 1] - first;
    std::uint32_t place = 0;
    for (std::uint32_t other = 0; other < size; ++other) {
      const sortable_event rival = events.bucketed[first + other];
      const bool equal = rival.index == event.index && rival.value == event.value;
      const bool less = rival.index < event.index || (rival.index == event.index && rival.value < event.value);
      if (less || (equal && other < event.slot)) ++place;
    }
    events.indices[first + place] = event.index;
    if (events.values != nullptr) events.values[first + place] = event.value;
  }
}

/// One thread a frame: where its events begin.
__global__ void __launch_bounds__(word_threads) report_kernel(batch_view batch, event_memory events) {
  const std::uint32_t frame = blockIdx.x * word_threads + threadIdx.x;
  if (frame > batch.frames) return;
  events.indptr[frame] = events.offsets[frame * events.buckets];
  if (frame == batch.frames) events.totals->events = events.indptr[frame];
}

// Launches.

launch_shape one_thread_a_word(const batch_view& batch) {
  return {dim3(blocks_for(batch.words, word_threads), batch.frames), dim3(word_threads)};
}

}  // namespace

void count_hit_events(const batch_view& batch, const event_memory& events, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    launch(one_thread_a_word(batch), stream, hit_events_kernel<decltype(pixel)>, batch, events);
  });
}

void place_events(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream) {
  if (events.options.method == counting_method::cluster) {
    const launch_shape list{dim3(static_cast<unsigned>(8 * multiprocessors)), dim3(list_threads)};
    launch(list, stream, bucket_kernel, events);
    launch(list, stream, order_kernel, events);
  } else {
    with_pixel_type(batch.type, [&](auto pixel) {
      launch(one_thread_a_word(batch), stream, place_hits_kernel<decltype(pixel)>, batch, events);
    });
  }
  const launch_shape frames{dim3(blocks_for(std::uint64_t{batch.frames} + 1, word_threads)), dim3(word_threads)};
  launch(frames, stream, report_kernel, batch, events);
}

}  // namespace countem::cuda
