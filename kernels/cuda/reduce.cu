// The reductions on a device: one warp a frame. Every result is a sum of integers, so the order in which events are met does
// not show.
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/reduce.hpp"
#include "kernels/cuda/warp.cuh"

namespace countem::cuda {

namespace {

constexpr unsigned frame_warps = 4;  ///< of a block; each has a frame

/// The frame of a warp, and how its lanes go through the frame's events.
struct frame_place {
  std::uint32_t frame;
  unsigned lane;
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  __device__ explicit frame_place(const event_list& events)
      : frame(blockIdx.x * frame_warps + threadIdx.x / warp_lanes), lane(threadIdx.x % warp_lanes) {
    if (frame >= events.frames) return;
    first = events.indptr[frame];
    last = events.indptr[frame + 1];
  }

  template <class Visit>
  __device__ __forceinline__ void for_events(const event_list& events, Visit visit) const {
    for (std::uint64_t i = first + lane; i < last; i += warp_lanes) visit(i, events.indices[i]);
  }
};

__global__ void __launch_bounds__(frame_warps* warp_lanes) sum_kernel(event_list events, unsigned long long* image) {
  frame_place(events).for_events(events, [&](std::uint64_t, std::uint32_t index) { atomicAdd(&image[index], 1ULL); });
}

/// Repeats of an index follow one another; the first of them counts them.
__global__ void __launch_bounds__(frame_warps* warp_lanes) maximum_kernel(event_list events, std::uint32_t* image) {
  const frame_place place(events);
  place.for_events(events, [&](std::uint64_t i, std::uint32_t index) {
    if (i != place.first && events.indices[i - 1] == index) return;
    std::uint64_t end = i + 1;
    while (end < place.last && events.indices[end] == index) ++end;
    atomicMax(&image[index], static_cast<std::uint32_t>(end - i));
  });
}

__global__ void __launch_bounds__(frame_warps* warp_lanes)
    virtual_counts_kernel(event_list events, const std::uint8_t* masks, std::uint32_t detectors, std::uint32_t* out) {
  const frame_place place(events);
  std::uint32_t inside[detector_masks::per_group] = {};
  place.for_events(events, [&](std::uint64_t, std::uint32_t index) {
    const std::uint32_t bits = masks[index];
#pragma unroll
    for (std::uint32_t d = 0; d < detector_masks::per_group; ++d) inside[d] += (bits >> d) & 1U;
  });
#pragma unroll
  for (std::uint32_t d = 0; d < detector_masks::per_group; ++d) {
    const std::uint32_t total = __reduce_add_sync(whole_warp, inside[d]);
    if (place.lane == 0 && place.frame < events.frames && d < detectors)
      out[std::uint64_t{d} * events.frames + place.frame] = total;
  }
}

__global__ void __launch_bounds__(frame_warps* warp_lanes)
    weighted_counts_kernel(event_list events, const std::int32_t* weights, std::int64_t* out) {
  const frame_place place(events);
  long long sum = 0;
  place.for_events(events, [&](std::uint64_t, std::uint32_t index) { sum += weights[index]; });
  sum = warp_sum(sum);
  if (place.lane == 0 && place.frame < events.frames) out[place.frame] = sum;
}

__global__ void __launch_bounds__(frame_warps* warp_lanes) moments_kernel(event_list events, event_moments* out) {
  const frame_place place(events);
  unsigned long long rows = 0;
  unsigned long long columns = 0;
  place.for_events(events, [&](std::uint64_t, std::uint32_t index) {
    rows += index / events.width;
    columns += index % events.width;
  });
  rows = warp_sum(rows);
  columns = warp_sum(columns);
  if (place.lane == 0 && place.frame < events.frames) out[place.frame] = {place.last - place.first, rows, columns};
}

/// `inside`: a byte per pixel whose lowest bit is set where an event counts; null: everywhere.
__global__ void __launch_bounds__(frame_warps* warp_lanes)
    second_moments_kernel(event_list events, const std::uint8_t* inside, event_second_moments* out) {
  const frame_place place(events);
  unsigned long long number = 0;
  unsigned long long rows = 0;
  unsigned long long columns = 0;
  unsigned long long row_row = 0;
  unsigned long long row_column = 0;
  unsigned long long column_column = 0;
  place.for_events(events, [&](std::uint64_t, std::uint32_t index) {
    if (inside != nullptr && (inside[index] & 1U) == 0) return;
    const unsigned long long row = index / events.width;
    const unsigned long long column = index % events.width;
    ++number;
    rows += row;
    columns += column;
    row_row += row * row;
    row_column += row * column;
    column_column += column * column;
  });
  number = warp_sum(number);
  rows = warp_sum(rows);
  columns = warp_sum(columns);
  row_row = warp_sum(row_row);
  row_column = warp_sum(row_column);
  column_column = warp_sum(column_column);
  if (place.lane == 0 && place.frame < events.frames)
    out[place.frame] = {{number, rows, columns}, row_row, row_column, column_column};
}

__global__ void __launch_bounds__(frame_warps* warp_lanes)
    radial_counts_kernel(event_list events, const std::uint16_t* ring, std::uint32_t rings, std::uint32_t* out) {
  const frame_place place(events);
  place.for_events(events, [&](std::uint64_t, std::uint32_t index) {
    const std::uint32_t number = ring[index];
    if (number != ring_map::outside) atomicAdd(&out[std::uint64_t{place.frame} * rings + number], 1U);
  });
}

/// The first of the frame's events whose index is not below `bound`.
__device__ __forceinline__ std::uint64_t first_not_below(const event_list& events, const frame_place& place,
                                                         std::uint64_t bound) {
  std::uint64_t low = place.first;
  std::uint64_t high = place.last;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (events.indices[middle] < bound) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// Binning merges `factor` rows, each in order, into one. An event's place in the merged row is the number of events before it
/// in each of the rows: with equal columns, those of earlier rows come first.
__global__ void __launch_bounds__(frame_warps* warp_lanes)
    bin_kernel(event_list events, std::uint32_t factor, std::uint32_t to_width, std::uint32_t* out) {
  const frame_place place(events);
  place.for_events(events, [&](std::uint64_t i, std::uint32_t index) {
    const std::uint32_t row = index / events.width;
    const std::uint32_t to_row = row / factor;
    const std::uint32_t to_column = index % events.width / factor;
    const std::uint64_t first_row = std::uint64_t{to_row} * factor;
    const std::uint64_t end_row = min(first_row + factor, std::uint64_t{events.height});
    const std::uint64_t same_column = std::uint64_t{to_column} * factor;
    const std::uint64_t next_column = min(same_column + factor, std::uint64_t{events.width});
    std::uint64_t at = first_not_below(events, place, first_row * events.width);
    for (std::uint64_t other = first_row; other < end_row; ++other) {
      const std::uint64_t row_start = other * events.width;
      const std::uint64_t before =
          other == row ? i : first_not_below(events, place, row_start + (other < row ? next_column : same_column));
      at += before - first_not_below(events, place, row_start);
    }
    out[at] = to_row * to_width + to_column;
  });
}

__device__ __forceinline__ bool is_inside(const detector_window& window, std::uint32_t row, std::uint32_t column) {
  return row >= window.row && row - window.row < window.shape.height && column >= window.column &&
         column - window.column < window.shape.width;
}

__global__ void __launch_bounds__(frame_warps* warp_lanes)
    count_inside_kernel(event_list events, detector_window window, std::uint32_t* counts) {
  const frame_place place(events);
  std::uint32_t inside = 0;
  place.for_events(events, [&](std::uint64_t, std::uint32_t index) {
    if (is_inside(window, index / events.width, index % events.width)) ++inside;
  });
  inside = __reduce_add_sync(whole_warp, inside);
  if (place.lane == 0 && place.frame < events.frames) counts[place.frame] = inside;
}

__global__ void __launch_bounds__(frame_warps* warp_lanes)
    crop_kernel(event_list events, detector_window window, const std::uint64_t* starts, std::uint32_t* out) {
  const frame_place place(events);
  if (place.frame >= events.frames) return;  // a whole warp
  std::uint64_t at = starts[place.frame];
  for (std::uint64_t first = place.first; first < place.last; first += warp_lanes) {
    const std::uint64_t i = first + place.lane;
    const std::uint32_t index = i < place.last ? events.indices[i] : 0;
    const std::uint32_t row = index / events.width;
    const std::uint32_t column = index % events.width;
    const bool kept = i < place.last && is_inside(window, row, column);
    const unsigned keeping = __ballot_sync(whole_warp, kept);
    if (kept) {
      const auto before = static_cast<std::uint32_t>(__popc(keeping & ((1U << place.lane) - 1)));
      out[at + before] = (row - window.row) * window.shape.width + (column - window.column);
    }
    at += static_cast<std::uint32_t>(__popc(keeping));
  }
}

// Launches.

launch_shape one_warp_a_frame(const event_list& events) {
  return {dim3(blocks_for(events.frames, frame_warps)), dim3(frame_warps * warp_lanes)};
}

}  // namespace

void add_sum(const event_list& events, unsigned long long* image, cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, sum_kernel, events, image);
}

void raise_maximum(const event_list& events, std::uint32_t* image, cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, maximum_kernel, events, image);
}

void virtual_counts(const event_list& events, const std::uint8_t* masks, std::uint32_t detectors, std::uint32_t* out,
                    cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, virtual_counts_kernel, events, masks, detectors, out);
}

void weighted_counts(const event_list& events, const std::int32_t* weights, std::int64_t* out, cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, weighted_counts_kernel, events, weights, out);
}

void moments(const event_list& events, event_moments* out, cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, moments_kernel, events, out);
}

void second_moments(const event_list& events, const std::uint8_t* inside, event_second_moments* out, cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, second_moments_kernel, events, inside, out);
}

void radial_counts(const event_list& events, const std::uint16_t* ring, std::uint32_t rings, std::uint32_t* out,
                   cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, radial_counts_kernel, events, ring, rings, out);
}

void bin(const event_list& events, std::uint32_t factor, std::uint32_t* out, cudaStream_t stream) {
  const std::uint32_t to_width = binned({events.height, events.width}, factor).width;
  launch(one_warp_a_frame(events), stream, bin_kernel, events, factor, to_width, out);
}

void count_inside(const event_list& events, const detector_window& window, std::uint32_t* counts, cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, count_inside_kernel, events, window, counts);
}

void crop(const event_list& events, const detector_window& window, const std::uint64_t* starts, std::uint32_t* out,
          cudaStream_t stream) {
  launch(one_warp_a_frame(events), stream, crop_kernel, events, window, starts, out);
}

}  // namespace countem::cuda
