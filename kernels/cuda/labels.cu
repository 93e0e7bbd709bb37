// Method cluster: components that overflow a warp's window, held together by labels in global memory.
//
// A run is a stretch of consecutive hits within one word. Each pixel's label leads to another pixel of its component,
// in the end to the first; runs are united as in a disjoint-set forest whose roots only ever get smaller.
#include "kernels/cuda/component_sums.cuh"
#include "kernels/cuda/found_events.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/stages.hpp"

namespace countem::cuda {

namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr std::uint32_t no_slot = 0xffff'ffffU;

__device__ __forceinline__ std::uint32_t find_first(const std::uint32_t* labels, std::uint32_t pixel) {
  std::uint32_t next = load_relaxed(&labels[pixel]);
  while (next != pixel) {
    pixel = next;
    next = load_relaxed(&labels[pixel]);
  }
  return pixel;
}

__device__ __forceinline__ void unite(std::uint32_t* labels, std::uint32_t a, std::uint32_t b) {
  for (;;) {
    a = find_first(labels, a);
    b = find_first(labels, b);
    if (a == b) return;
    const std::uint32_t later = max(a, b);
    const std::uint32_t earlier = min(a, b);
    const std::uint32_t before = atomicMin(&labels[later], earlier);
    if (before == later) return;
    a = before;  // another thread gave `later` another label: that one joins `earlier` too
    b = earlier;
  }
}

/// Takes the lowest stretch of consecutive ones out of `bits`.
__device__ __forceinline__ std::uint32_t take_run(std::uint32_t& bits) {
  const std::uint32_t lowest = bits & (~bits + 1);
  const std::uint32_t run = bits & ~(bits + lowest);
  bits &= ~run;
  return run;
}

/// Where a thread of the label kernels works: a word of a frame that needs labels.
struct label_place {
  std::uint32_t row = 0;
  std::uint32_t number = 0;       ///< of the word within the row
  std::uint32_t first_pixel = 0;  ///< linear index of the word's lowest bit
  std::uint32_t bits = 0;         ///< none when there is nothing to do

  __device__ label_place(const batch_view& batch, const event_memory& events) {
    const std::uint64_t word = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
    if (word >= batch.words || events.components.labels.needed[blockIdx.y] == 0) return;
    const word_place place(batch, static_cast<std::uint32_t>(word));
    row = place.row;
    number = place.number;
    first_pixel = row * batch.width + place.first_column();
    bits = batch.bits[blockIdx.y * batch.words + word];
  }
};

__global__ void __launch_bounds__(256) label_runs_kernel(batch_view batch, event_memory events) {
  const label_place place(batch, events);
  std::uint32_t* const labels = events.components.labels.labels + blockIdx.y * batch.pixels;
  for (std::uint32_t bits = place.bits; bits != 0;) {
    std::uint32_t run = take_run(bits);
    const std::uint32_t first = place.first_pixel + first_bit(run);
    events.components.labels.slots[blockIdx.y * batch.pixels + first] = no_slot;
    for (; run != 0; run &= run - 1) labels[place.first_pixel + first_bit(run)] = first;
  }
}

__global__ void __launch_bounds__(256) label_unite_kernel(batch_view batch, event_memory events) {
  const label_place place(batch, events);
  if (place.bits == 0) return;
  std::uint32_t* const labels = events.components.labels.labels + blockIdx.y * batch.pixels;
  const bit_image hits(batch, batch.bits, blockIdx.y);
  const std::int64_t above = std::int64_t{place.row} - 1;
  if ((place.bits & 1U) != 0 && (hits.word(place.row, std::int64_t{place.number} - 1) >> 31) != 0) {
    unite(labels, place.first_pixel, place.first_pixel - 1);
  }
  const std::uint32_t north = hits.word(above, place.number);
  const std::uint32_t north_row = place.first_pixel - batch.width;  // meant only where there is a row above
  if ((place.bits & 1U) != 0 && (hits.word(above, std::int64_t{place.number} - 1) >> 31) != 0)
    unite(labels, place.first_pixel, north_row - 1);
  if (place.bits >> 31 != 0 && (hits.word(above, std::int64_t{place.number} + 1) & 1U) != 0)
    unite(labels, place.first_pixel + 31, north_row + 32);
  for (std::uint32_t bits = place.bits; bits != 0;) {
    const std::uint32_t run = take_run(bits);
    for (std::uint32_t touched = (run | run << 1 | run >> 1) & north; touched != 0;) {
      unite(labels, place.first_pixel + first_bit(run), north_row + first_bit(take_run(touched)));
    }
  }
}

/// One thread per listed root: those that are their component's first pixel get the sums.
__global__ void __launch_bounds__(list_threads) label_owners_kernel(batch_view batch, event_memory events) {
  const std::uint32_t listed = min(events.out.totals->warp_overflows, events.components.warp_overflow.capacity);
  for (std::uint32_t i = blockIdx.x * list_threads + threadIdx.x; i < listed; i += gridDim.x * list_threads) {
    const root from = events.components.warp_overflow.roots[i];
    const std::uint32_t pixel = from.row * batch.width + from.column;
    const std::uint64_t frame_start = from.frame * batch.pixels;
    label_sums zero{};
    zero.owner = events.components.labels.labels[frame_start + pixel] == pixel ? 1 : 0;
    events.components.labels.sums[i] = zero;
    if (zero.owner != 0) events.components.labels.slots[frame_start + pixel] = i;
  }
}

__device__ __forceinline__ void add_halves(unsigned long long& low, unsigned long long& high, uint128 value) {
  atomicAdd(&low, static_cast<unsigned long long>(value) & 0xffff'ffffULL);
  atomicAdd(&high, static_cast<unsigned long long>(value >> 32));
}

__device__ __forceinline__ uint128 join_halves(unsigned long long low, unsigned long long high) {
  return (uint128{high} << 32) + low;
}

/// One thread per word; a run is added up before it is added to its component.
template <class Pixel>
__global__ void __launch_bounds__(256) label_sums_kernel(batch_view batch, event_memory events) {
  const label_place place(batch, events);
  const std::uint32_t* const labels = events.components.labels.labels + blockIdx.y * batch.pixels;
  for (std::uint32_t bits = place.bits; bits != 0;) {
    std::uint32_t run = take_run(bits);
    const std::uint32_t slot =
        events.components.labels.slots[blockIdx.y * batch.pixels + find_first(labels, place.first_pixel + first_bit(run))];
    if (slot == no_slot) continue;
    component_sums sums;
    for (; run != 0; run &= run - 1) {
      const std::uint32_t column = first_bit(run);
      sums.add(batch, final_charge<Pixel>(batch, blockIdx.y, place.row, place.number * 32 + column), 0, column);
    }
    label_sums& total = events.components.labels.sums[slot];
    atomicAdd(&total.charge, sums.charge);
    add_halves(total.row_low, total.row_high, uint128{sums.charge} * place.row);
    add_halves(total.column_low, total.column_high, uint128{sums.charge} * (std::uint64_t{place.number} * 32) + sums.column);
    atomicAdd(&total.size, static_cast<unsigned long long>(sums.size));
    if (sums.xray) atomicOr(&total.xray, 1U);
  }
}

/// One thread per listed root. Grid and block are whole warps, and every lane of a warp makes the same number of rounds.
__global__ void __launch_bounds__(list_threads) label_events_kernel(event_memory events) {
  const std::uint32_t listed = min(events.out.totals->warp_overflows, events.components.warp_overflow.capacity);
  const std::uint32_t k = events.options.upsample;
  const unsigned lane = threadIdx.x % warp_lanes;
  for (std::uint32_t first = blockIdx.x * list_threads + threadIdx.x - lane; first < listed;
       first += gridDim.x * list_threads) {
    const std::uint32_t i = first + lane;
    bool has_event = false;
    found_event event{};
    if (i < listed && events.components.labels.sums[i].owner != 0) {
      const label_sums total = events.components.labels.sums[i];
      event.frame = events.components.warp_overflow.roots[i].frame;
      has_event = is_event(events, event.frame, total.xray != 0, total.size);
      const uint128 denominator = 2 * uint128{total.charge};
      const uint128 row = k * (2 * join_halves(total.row_low, total.row_high) + total.charge) / denominator;
      const uint128 column = k * (2 * join_halves(total.column_low, total.column_high) + total.charge) / denominator;
      event.index = static_cast<std::uint32_t>(row) * events.layout.grid_width + static_cast<std::uint32_t>(column);
      event.value = value_of(events.options.values, total.charge, total.size);
    }
    append_events(events, has_event, event);
  }
}

}  // namespace

void find_labelled_components(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    const launch_shape words{dim3(blocks_for(batch.words, 256), batch.frames), dim3(256)};
    const launch_shape list{dim3(static_cast<unsigned>(multiprocessors)), dim3(list_threads)};
    launch(words, stream, label_runs_kernel, batch, events);
    launch(words, stream, label_unite_kernel, batch, events);
    launch(list, stream, label_owners_kernel, batch, events);
    launch(words, stream, label_sums_kernel<decltype(pixel)>, batch, events);
    launch(list, stream, label_events_kernel, events);
  });
}

}  // namespace countem::cuda
