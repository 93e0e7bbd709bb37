// Method cluster: 8-connected components of hits, found from the bit image alone.
//
// A component's first pixel (least row, then column) is a root: a hit with no hit to its west, north-west, north or north-east.
// One thread floods the 8 x 8 bits around a root with a few shifts, which settles nearly every electron. A component that
// touches that window's edge gets a warp and 64 x 32 bits, a row a lane. One that touches even that edge is held together by
// labels in global memory. At every size, a root that is not its component's first pixel leaves the component to the root that
// is.
#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/found_events.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/warp.cuh"

namespace countem::cuda {

namespace {

__extension__ typedef unsigned __int128 wide_integer;

constexpr std::uint32_t no_slot = 0xffff'ffffU;

/// What a component adds up to; coordinates weighted by charge, from the window's corner.
struct component_sums {
  unsigned long long charge = 0;
  unsigned long long row = 0;
  unsigned long long column = 0;
  std::uint32_t size = 0;
  bool xray = false;

  __device__ __forceinline__ void add(const batch_view& batch, std::int32_t hit_charge, std::uint32_t from_row,
                                      std::uint32_t from_column) {
    const auto weight = static_cast<unsigned long long>(hit_charge);
    charge += weight;
    row += weight * from_row;
    column += weight * from_column;
    ++size;
    xray = xray || hit_charge >= batch.calibrated.xray16;
  }
};

/// floor(k (2 X + S) / (2 S)). A window's sums stay below 2^58; most fit the short division.
__device__ __forceinline__ std::int64_t centroid(unsigned long long weighted, unsigned long long charge,
                                                 std::uint32_t upsample) {
  const unsigned long long numerator = upsample * (2 * weighted + charge);
  const unsigned long long denominator = 2 * charge;
  if ((numerator >> 32) == 0 && (denominator >> 32) == 0) {
    return static_cast<std::uint32_t>(numerator) / static_cast<std::uint32_t>(denominator);
  }
  return static_cast<std::int64_t>(numerator / denominator);
}

/// Rejects a component that holds an X-ray and tallies it; tells whether the others are of a wanted size.
__device__ __forceinline__ bool is_event(const event_memory& events, std::uint32_t frame, bool xray, unsigned long long size) {
  if (xray) atomicAdd(&events.xrays[frame], 1U);
  return !xray && size >= events.options.min_cluster_size && size <= events.options.max_cluster_size;
}

/// The event of a component that lies in a window whose corner is (row, column); the corner may lie outside the frame.
__device__ __forceinline__ found_event window_event(const event_memory& events, std::uint32_t frame, const component_sums& sums,
                                                    std::int64_t row, std::int64_t column) {
  const std::uint32_t k = events.options.upsample;
  const std::int64_t event_row = row * k + centroid(sums.row, sums.charge, k);
  const std::int64_t event_column = column * k + centroid(sums.column, sums.charge, k);
  return {frame, static_cast<std::uint32_t>(event_row * events.grid_width + event_column),
          value_of(events.options.values, sums.charge, sums.size), 0};
}

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

enum class window_result { not_first, complete, too_large };

/// The 8 x 8 bits around a root: rows from the root's down, three columns to its left, four to its right. Row r is byte r.
struct narrow_window {
  static constexpr std::uint32_t rows = 8;
  static constexpr std::uint32_t left = 3;
  static constexpr std::uint64_t edge = 0xff81'8181'8181'8181ULL;  ///< left and right columns, bottom row
  static constexpr std::uint64_t not_leftmost = 0xfefe'fefe'fefe'fefeULL;
  static constexpr std::uint64_t not_rightmost = 0x7f7f'7f7f'7f7f'7f7fULL;

  std::uint64_t component = 0;

  __device__ window_result flood(const bit_image& hits, const root& from) {
    const std::int64_t corner = std::int64_t{from.column} - left;
    std::uint64_t window = 0;
#pragma unroll
    for (std::uint32_t r = 0; r < rows; ++r)
      window |= std::uint64_t{hits.window(std::int64_t{from.row} + r, corner) & 0xffU} << (8 * r);
    std::uint64_t before = 0;
    component = 1ULL << left;
    while (component != before) {
      before = component;
      const std::uint64_t across = component | ((component << 1) & not_leftmost) | ((component >> 1) & not_rightmost);
      component = (across | across << 8 | across >> 8) & window;
    }
    const auto first_row = static_cast<std::uint32_t>(component & 0xffU);
    const std::uint32_t above = hits.window(std::int64_t{from.row} - 1, corner);
    if ((first_row & ((1U << left) - 1)) != 0 || ((first_row | first_row << 1 | first_row >> 1) & above) != 0)
      return window_result::not_first;
    return (component & edge) != 0 ? window_result::too_large : window_result::complete;
  }

  template <class Pixel>
  __device__ component_sums sums(const batch_view& batch, const root& from) const {
    component_sums total;
    for (std::uint64_t left_over = component; left_over != 0; left_over &= left_over - 1) {
      const auto bit = static_cast<std::uint32_t>(__ffsll(static_cast<long long>(left_over)) - 1);
      const std::uint32_t row = bit / 8;
      const std::uint32_t column = bit % 8;
      total.add(batch, final_charge<Pixel>(batch, from.frame, from.row + row, from.column + column - left), row, column);
    }
    return total;
  }
};

constexpr unsigned root_threads = 128;

/// Numbers the roots of the warp's 32 words, so that afterwards every lane has one to work on.
struct root_queue {
  static constexpr unsigned most = 16 * warp_lanes;  ///< two roots of a word are never neighbours
  std::uint16_t place[root_threads / warp_lanes][most];

  /// Returns how many there are. The whole warp calls.
  __device__ std::uint32_t fill(std::uint32_t roots) {
    const unsigned lane = threadIdx.x % warp_lanes;
    std::uint32_t total = 0;
    std::uint32_t next = warp_exclusive_sum(static_cast<std::uint32_t>(__popc(roots)), total);
    for (; roots != 0; roots &= roots - 1) {
      const auto bit = static_cast<std::uint32_t>(__ffs(static_cast<int>(roots)) - 1);
      place[threadIdx.x / warp_lanes][next++] = static_cast<std::uint16_t>(lane * warp_lanes + bit);
    }
    __syncwarp();
    return total;
  }
};

/// One thread a word of the bit image, then one thread a root.
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
      const std::uint32_t queued = queue.place[threadIdx.x / warp_lanes][first + lane];
      const word_place place(batch, static_cast<std::uint32_t>(number - lane + queued / warp_lanes));
      const root from{frame, place.row, place.first_column() + queued % warp_lanes};
      narrow_window window;
      const window_result result = window.flood(hits, from);
      if (result == window_result::complete) {
        const component_sums sums = window.sums<Pixel>(batch, from);
        has_event = is_event(events, frame, sums.xray, sums.size);
        if (has_event) event = window_event(events, frame, sums, from.row, std::int64_t{from.column} - narrow_window::left);
      } else if (result == window_result::too_large) {
        const std::uint32_t at = atomicAdd(&events.totals->wide, 1U);
        if (at < events.wide_capacity) events.wide[at] = from;
      }
    }
    append_events(events, has_event, event);
  }
}

/// The 64 x 32 bits around a root, a row a lane: rows from the root's down, 31 columns to its left, 32 to its right.
struct wide_window {
  static constexpr std::uint32_t left = 31;
  static constexpr std::uint64_t edge = 1ULL << 63 | 1;

  std::uint64_t component = 0;  ///< this lane's row of it

  /// The whole warp calls.
  __device__ window_result flood(const bit_image& hits, const root& from) {
    const unsigned lane = threadIdx.x % warp_lanes;
    const std::int64_t corner = std::int64_t{from.column} - left;
    const std::uint64_t window = row_bits(hits, std::int64_t{from.row} + lane, corner);
    component = lane == 0 ? 1ULL << left : 0;
    bool grew = true;
    while (__any_sync(whole_warp, grew)) {
      const std::uint64_t across = component | component << 1 | component >> 1;
      const std::uint64_t from_above = __shfl_up_sync(whole_warp, across, 1);
      const std::uint64_t from_below = __shfl_down_sync(whole_warp, across, 1);
      // Lane 0 gets its own back from above and lane 31 from below, which changes nothing.
      const std::uint64_t grown = (across | from_above | from_below) & window;
      grew = grown != component;
      component = grown;
    }
    const std::uint64_t first_row = __shfl_sync(whole_warp, component, 0);
    const std::uint64_t above = row_bits(hits, std::int64_t{from.row} - 1, corner);
    if ((first_row & ((1ULL << left) - 1)) != 0 || ((first_row | first_row << 1 | first_row >> 1) & above) != 0)
      return window_result::not_first;
    const bool touches = (component & edge) != 0 || (lane == warp_lanes - 1 && component != 0);
    return __any_sync(whole_warp, touches) != 0 ? window_result::too_large : window_result::complete;
  }

  /// The sums of the whole component, in every lane. The whole warp calls.
  template <class Pixel>
  __device__ component_sums sums(const batch_view& batch, const root& from) const {
    const unsigned lane = threadIdx.x % warp_lanes;
    component_sums total;
    for (std::uint64_t left_over = component; left_over != 0; left_over &= left_over - 1) {
      const auto column = static_cast<std::uint32_t>(__ffsll(static_cast<long long>(left_over)) - 1);
      total.add(batch, final_charge<Pixel>(batch, from.frame, from.row + lane, from.column + column - left), lane, column);
    }
    total.charge = warp_sum(total.charge);
    total.row = warp_sum(total.row);
    total.column = warp_sum(total.column);
    total.size = warp_sum(total.size);
    total.xray = __any_sync(whole_warp, total.xray) != 0;
    return total;
  }

 private:
  __device__ static std::uint64_t row_bits(const bit_image& hits, std::int64_t row, std::int64_t column) {
    return std::uint64_t{hits.window(row, column + 32)} << 32 | hits.window(row, column);
  }
};

/// One warp a root that the narrow window was too small for.
template <class Pixel>
__global__ void __launch_bounds__(list_threads) wide_kernel(batch_view batch, event_memory events) {
  const unsigned lane = threadIdx.x % warp_lanes;
  const std::uint32_t warps = gridDim.x * (list_threads / warp_lanes);
  const std::uint32_t listed = min(events.totals->wide, events.wide_capacity);
  for (std::uint32_t i = (blockIdx.x * list_threads + threadIdx.x) / warp_lanes; i < listed; i += warps) {
    const root from = events.wide[i];
    const bit_image hits(batch, batch.bits, from.frame);
    wide_window window;
    const window_result result = window.flood(hits, from);
    if (result == window_result::too_large && lane == 0) {
      const std::uint32_t at = atomicAdd(&events.totals->giant, 1U);
      if (at < events.giant_capacity) events.giant[at] = from;
      atomicExch(&events.has_giant[from.frame], 1U);
    }
    if (result != window_result::complete) continue;
    const component_sums sums = window.sums<Pixel>(batch, from);
    bool has_event = false;
    found_event event{};
    if (lane == 0) {
      has_event = is_event(events, from.frame, sums.xray, sums.size);
      if (has_event) event = window_event(events, from.frame, sums, from.row, std::int64_t{from.column} - wide_window::left);
    }
    append_events(events, has_event, event);
  }
}

// Labels. A run is a stretch of consecutive hits within one word. Each pixel's label leads to another pixel of its component,
// in the end to the first; runs are united as in a disjoint-set forest whose roots only ever get smaller.

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
    a = before;  // someone else had given `later` another label: that one goes with `earlier` too
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
    if (word >= batch.words || events.has_giant[blockIdx.y] == 0) return;
    const word_place place(batch, static_cast<std::uint32_t>(word));
    row = place.row;
    number = place.number;
    first_pixel = row * batch.width + place.first_column();
    bits = batch.bits[blockIdx.y * batch.words + word];
  }
};

__global__ void __launch_bounds__(256) label_runs_kernel(batch_view batch, event_memory events) {
  const label_place place(batch, events);
  std::uint32_t* const labels = events.labels + blockIdx.y * batch.pixels;
  for (std::uint32_t bits = place.bits; bits != 0;) {
    std::uint32_t run = take_run(bits);
    const std::uint32_t first = place.first_pixel + first_bit(run);
    events.giant_slots[blockIdx.y * batch.pixels + first] = no_slot;
    for (; run != 0; run &= run - 1) labels[place.first_pixel + first_bit(run)] = first;
  }
}

__global__ void __launch_bounds__(256) label_unite_kernel(batch_view batch, event_memory events) {
  const label_place place(batch, events);
  if (place.bits == 0) return;
  std::uint32_t* const labels = events.labels + blockIdx.y * batch.pixels;
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

/// One thread a listed root: those that are their component's first pixel get the sums.
__global__ void __launch_bounds__(list_threads) label_owners_kernel(batch_view batch, event_memory events) {
  const std::uint32_t listed = min(events.totals->giant, events.giant_capacity);
  for (std::uint32_t i = blockIdx.x * list_threads + threadIdx.x; i < listed; i += gridDim.x * list_threads) {
    const root from = events.giant[i];
    const std::uint32_t pixel = from.row * batch.width + from.column;
    const std::uint64_t frame_start = from.frame * batch.pixels;
    giant_sums zero{};
    zero.owner = events.labels[frame_start + pixel] == pixel ? 1 : 0;
    events.giant_totals[i] = zero;
    if (zero.owner != 0) events.giant_slots[frame_start + pixel] = i;
  }
}

__device__ __forceinline__ void add_halves(unsigned long long& low, unsigned long long& high, wide_integer value) {
  atomicAdd(&low, static_cast<unsigned long long>(value) & 0xffff'ffffULL);
  atomicAdd(&high, static_cast<unsigned long long>(value >> 32));
}

__device__ __forceinline__ wide_integer join_halves(unsigned long long low, unsigned long long high) {
  return (wide_integer{high} << 32) + low;
}

/// One thread a word; a run is added up before it is added to its component.
template <class Pixel>
__global__ void __launch_bounds__(256) label_sums_kernel(batch_view batch, event_memory events) {
  const label_place place(batch, events);
  const std::uint32_t* const labels = events.labels + blockIdx.y * batch.pixels;
  for (std::uint32_t bits = place.bits; bits != 0;) {
    std::uint32_t run = take_run(bits);
    const std::uint32_t slot =
        events.giant_slots[blockIdx.y * batch.pixels + find_first(labels, place.first_pixel + first_bit(run))];
    if (slot == no_slot) continue;
    component_sums sums;
    for (; run != 0; run &= run - 1) {
      const std::uint32_t column = first_bit(run);
      sums.add(batch, final_charge<Pixel>(batch, blockIdx.y, place.row, place.number * 32 + column), 0, column);
    }
    giant_sums& total = events.giant_totals[slot];
    atomicAdd(&total.charge, sums.charge);
    add_halves(total.row_low, total.row_high, wide_integer{sums.charge} * place.row);
    add_halves(total.column_low, total.column_high,
               wide_integer{sums.charge} * (std::uint64_t{place.number} * 32) + sums.column);
    atomicAdd(&total.size, static_cast<unsigned long long>(sums.size));
    if (sums.xray) atomicOr(&total.xray, 1U);
  }
}

/// One thread a listed root. Grid and block are whole warps, and every lane of a warp makes the same number of rounds.
__global__ void __launch_bounds__(list_threads) label_events_kernel(event_memory events) {
  const std::uint32_t listed = min(events.totals->giant, events.giant_capacity);
  const std::uint32_t k = events.options.upsample;
  const unsigned lane = threadIdx.x % warp_lanes;
  for (std::uint32_t first = blockIdx.x * list_threads + threadIdx.x - lane; first < listed;
       first += gridDim.x * list_threads) {
    const std::uint32_t i = first + lane;
    bool has_event = false;
    found_event event{};
    if (i < listed && events.giant_totals[i].owner != 0) {
      const giant_sums total = events.giant_totals[i];
      event.frame = events.giant[i].frame;
      has_event = is_event(events, event.frame, total.xray != 0, total.size);
      const wide_integer denominator = 2 * wide_integer{total.charge};
      const wide_integer row = k * (2 * join_halves(total.row_low, total.row_high) + total.charge) / denominator;
      const wide_integer column = k * (2 * join_halves(total.column_low, total.column_high) + total.charge) / denominator;
      event.index = static_cast<std::uint32_t>(row) * events.grid_width + static_cast<std::uint32_t>(column);
      event.value = value_of(events.options.values, total.charge, total.size);
    }
    append_events(events, has_event, event);
  }
}

// Launches.

/// Components that reach beyond a warp's window. Frames without any leave each kernel at once.
template <class Pixel>
void find_giants(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream) {
  const launch_shape words{dim3(blocks_for(batch.words, 256), batch.frames), dim3(256)};
  const launch_shape list{dim3(static_cast<unsigned>(multiprocessors)), dim3(list_threads)};
  launch(words, stream, label_runs_kernel, batch, events);
  launch(words, stream, label_unite_kernel, batch, events);
  launch(list, stream, label_owners_kernel, batch, events);
  launch(words, stream, label_sums_kernel<Pixel>, batch, events);
  launch(list, stream, label_events_kernel, events);
}

}  // namespace

void find_components(const batch_view& batch, const event_memory& events, int multiprocessors, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    using Pixel = decltype(pixel);
    const launch_shape words{dim3(blocks_for(batch.words, root_threads), batch.frames), dim3(root_threads)};
    const launch_shape list{dim3(static_cast<unsigned>(4 * multiprocessors)), dim3(list_threads)};
    launch(words, stream, roots_kernel<Pixel>, batch, events);
    launch(list, stream, wide_kernel<Pixel>, batch, events);
    if (events.labels != nullptr) find_giants<Pixel>(batch, events, multiprocessors, stream);
  });
}

}  // namespace countem::cuda
