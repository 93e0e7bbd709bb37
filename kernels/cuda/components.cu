// Method cluster: 8-connected components of hits, found from the bit image alone.
//
// A component's first pixel (least row, then column) is a root: a hit with no hit to its west, north-west, north or north-east.
// One thread floods the 8 x 8 bits around a root with a few shifts, which is enough for nearly every electron. A component that
// touches that window's edge overflows it and gets a warp and 64 x 32 bits, one row per lane. One that touches that edge too
// overflows to labels in global memory (labels.cu). At every size, a root that is not its component's first pixel leaves the
// component to the root that is.
#include "kernels/cuda/bit_queue.cuh"
#include "kernels/cuda/component_windows.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

namespace {

/// The roots of 32 pixels: bits of a word that have no hit before them among their neighbours.
__device__ __forceinline__ std::uint32_t roots_of(const bit_image& hits, std::uint32_t row, std::uint32_t number) {
  const std::uint32_t here = hits.word(row, number);
  if (here == 0) return 0;
  const std::int64_t above = std::int64_t{row} - 1;
  const std::uint32_t north = hits.word(above, number);
  const std::uint32_t west = here << 1 | hits.word(row, std::int64_t{number} - 1) >> 31;
  const std::uint32_t north_west = north << 1 | hits.word(above, std::int64_t{number} - 1) >> 31;
  const std::uint32_t north_east = north >> 1 | hits.word(above, std::int64_t{number} + 1) << 31;
  return here & ~(west | north | north_west | north_east);
}

constexpr unsigned root_threads = 128;

using root_queue = bit_queue<root_threads, 16>;  // two roots of a word are never neighbours

/// One thread per word of the bit image, then one thread per root.
template <class Pixel>
__global__ void __launch_bounds__(root_threads) roots_kernel(batch_view batch, event_memory events) {
  COUNTEM_SHARED(root_queue, queue);
  const unsigned lane = threadIdx.x % warp_lanes;
  const std::uint32_t frame = blockIdx.y;
  const bit_image hits(batch, batch.bits, frame);
  const std::uint64_t number = std::uint64_t{blockIdx.x} * root_threads + threadIdx.x;
  const word_place own(batch, static_cast<std::uint32_t>(number));  // below the frame for the last threads: no hits there
  const std::uint32_t total = queue.fill(roots_of(hits, own.row, own.number));
  for (std::uint32_t first = 0; first < total; first += warp_lanes) {
    bool has_event = false;
    found_event event{};
    if (first + lane < total) {
      const word_place place(batch, static_cast<std::uint32_t>(number - lane + queue.lane_of(first + lane)));
      const root from{frame, place.row, place.first_column() + queue.bit_of(first + lane)};
      thread_window window;
      const window_result result = window.flood(hits, from);
      if (result == window_result::complete) {
        const component_sums sums = window.sums<Pixel>(batch, from);
        has_event = is_event(events, frame, sums.xray, sums.size);
        if (has_event) event = window_event(events, frame, sums, from.row, std::int64_t{from.column} - thread_window::left);
      } else if (result == window_result::overflow) {
        const std::uint32_t at = atomicAdd(&events.out.totals->thread_overflows, 1U);
        if (at < events.components.thread_overflow.capacity) events.components.thread_overflow.roots[at] = from;
      }
    }
    append_events(events, has_event, event);
  }
}

/// One warp per root whose component overflows a thread's window.
template <class Pixel>
__global__ void __launch_bounds__(list_threads) warp_window_kernel(batch_view batch, event_memory events) {
  const unsigned lane = threadIdx.x % warp_lanes;
  const std::uint32_t warps = gridDim.x * (list_threads / warp_lanes);
  const std::uint32_t listed = min(events.out.totals->thread_overflows, events.components.thread_overflow.capacity);
  for (std::uint32_t i = (blockIdx.x * list_threads + threadIdx.x) / warp_lanes; i < listed; i += warps) {
    const root from = events.components.thread_overflow.roots[i];
    const bit_image hits(batch, batch.bits, from.frame);
    warp_window window;
    const window_result result = window.flood(hits, from);
    if (result == window_result::overflow && lane == 0) {
      const std::uint32_t at = atomicAdd(&events.out.totals->warp_overflows, 1U);
      if (at < events.components.warp_overflow.capacity) events.components.warp_overflow.roots[at] = from;
      atomicExch(&events.components.labels.needed[from.frame], 1U);
    }
    if (result != window_result::complete) continue;
    const component_sums sums = window.sums<Pixel>(batch, from);
    bool has_event = false;
    found_event event{};
    if (lane == 0) {
      has_event = is_event(events, from.frame, sums.xray, sums.size);
      if (has_event) event = window_event(events, from.frame, sums, from.row, std::int64_t{from.column} - warp_window::left);
    }
    append_events(events, has_event, event);
  }
}

}  // namespace

void find_components(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    using Pixel = decltype(pixel);
    const launch_shape words{dim3(blocks_for(batch.words, root_threads), batch.frames), dim3(root_threads)};
    const launch_shape list{dim3(static_cast<unsigned>(4 * multiprocessors)), dim3(list_threads)};
    launch(words, stream, roots_kernel<Pixel>, batch, events);
    launch(list, stream, warp_window_kernel<Pixel>, batch, events);
  });
  if (events.components.labels.labels != nullptr) find_labelled_components(batch, events, multiprocessors, stream);
}

}  // namespace countem::cuda
