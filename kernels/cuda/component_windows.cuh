#pragma once

#include "kernels/cuda/component_sums.cuh"
#include "kernels/cuda/found_events.cuh"
#include "kernels/cuda/warp.cuh"

/// Components that fit a window of bits around their root: 8 x 8 bits for a thread, 64 x 32 for a warp.
namespace countem::cuda {

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

/// The event of a component that lies in a window whose corner is (row, column); the corner may lie outside the frame.
__device__ __forceinline__ found_event window_event(const event_memory& events, std::uint32_t frame, const component_sums& sums,
                                                    std::int64_t row, std::int64_t column) {
  const std::uint32_t k = events.options.upsample;
  const std::int64_t event_row = row * k + centroid(sums.row, sums.charge, k);
  const std::int64_t event_column = column * k + centroid(sums.column, sums.charge, k);
  return {frame, static_cast<std::uint32_t>(event_row * events.layout.grid_width + event_column),
          value_of(events.options.values, sums.charge, sums.size), 0};
}

enum class window_result { not_first, complete, overflow };

/// The 8 x 8 bits around a root: rows from the root's down, three columns to its left, four to its right. Row r is byte r.
struct thread_window {
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
    return (component & edge) != 0 ? window_result::overflow : window_result::complete;
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

/// The 64 x 32 bits around a root, one row per lane: rows from the root's down, 31 columns to its left, 32 to its right.
struct warp_window {
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
    return __any_sync(whole_warp, touches) != 0 ? window_result::overflow : window_result::complete;
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

}  // namespace countem::cuda
