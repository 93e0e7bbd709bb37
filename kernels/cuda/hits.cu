// The one pass over the raw pixels: each becomes a bit of the bit image.
#include <countem/hit_limits.hpp>

#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/stages.hpp"
#include "kernels/cuda/warp.cuh"

namespace countem::cuda {

namespace {

/// The 32 bits of a limit as calibration_view holds them.
template <class Pixel>
using limit_of = typename hit_limits<Pixel>::limit;

/// Whether a raw value is at or above a limit of countem/hit_limits.hpp, where dark reference, gain, mask and thresholds are
/// all in the limit. The largest u32 values count as highest_limit: they would reach the limit `never` otherwise.
template <class Pixel>
__device__ __forceinline__ bool reached(Pixel raw, std::uint32_t limit) {
  return min(std::uint32_t{raw}, hit_limits<Pixel>::highest_limit) >= limit;
}
/// False for a NaN on either side: a raw NaN has no charge, a limit that is NaN is never reached.
__device__ __forceinline__ bool reached(float raw, float limit) {
  return raw >= limit;
}

constexpr std::uint32_t octet = 8;              ///< pixels that a thread reads together: one byte of the bit image
constexpr std::uint32_t frames_per_thread = 4;  ///< frames that a thread's limits serve once loaded

/// Eight neighbouring pixels, loaded 16 bytes at a time.
template <class T>
struct alignas(sizeof(T) * octet < 16 ? sizeof(T) * octet : 16) eight {
  T value[octet];
};

/// Eight pixels of a row from `column` on; those beyond the row are not touched.
template <class T>
__device__ __forceinline__ eight<T> load_eight(const T* row, std::uint32_t column, std::uint32_t width) {
  // Rows of a width that is a multiple of 8 all start on a multiple of 8 pixels.
  if (width % octet == 0) return *reinterpret_cast<const eight<T>*>(row + column);
  eight<T> loaded{};
  for (std::uint32_t i = 0; i < octet; ++i) {
    if (column + i < width) loaded.value[i] = row[column + i];
  }
  return loaded;
}

/// Bit i: pixel column + i of the row lies in the frame and its sector arrived.
__device__ __forceinline__ std::uint32_t usable_bits(const batch_view& batch, std::uint8_t arrival, std::uint32_t row,
                                                     std::uint32_t column) {
  const std::uint32_t inside = batch.width - column < octet ? (1U << (batch.width - column)) - 1 : 0xffU;
  if (split_of(arrival) != sector_split::columns) return arrived(batch, arrival, row, column) ? inside : 0;
  if ((arrival & all_sectors) == all_sectors && batch.width % sectors_per_frame == 0) return inside;
  std::uint32_t bits = 0;
  for (std::uint32_t i = 0; i < octet; ++i) {
    if (((inside >> i) & 1U) != 0 && arrived(batch, arrival, row, column + i)) bits |= 1U << i;
  }
  return bits;
}

/// Where a thread of the two kernels below works: one byte of a frame's bit image.
struct octet_place {
  std::uint64_t byte;
  std::uint32_t row;
  std::uint32_t column;

  __device__ octet_place(const batch_view& batch, std::uint64_t number) : byte(number) {
    const word_place word(batch, static_cast<std::uint32_t>(number / 4));
    row = word.row;
    column = word.first_column() + static_cast<std::uint32_t>(number % 4) * octet;
  }
};

/// One thread an octet of pixels, in up to frames_per_thread frames one after another.
template <class Pixel>
__global__ void __launch_bounds__(256) hits_kernel(batch_view batch) {
  const std::uint64_t number = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (number >= 4 * batch.words) return;
  const octet_place place(batch, number);
  const bool in_frame = place.column < batch.width;  // the rest of a row's last word is filled up with zeros
  const std::uint64_t row_start = std::uint64_t{place.row} * batch.width;
  const auto* all_limits = static_cast<const limit_of<Pixel>*>(batch.calibrated.limits);
  eight<limit_of<Pixel>> limits;
  if (batch.calibrated.limit_per_pixel && in_frame) {
    limits = load_eight(all_limits + row_start, place.column, batch.width);
  } else {
    for (auto& one : limits.value) one = all_limits[0];
  }

  auto* const bytes = reinterpret_cast<std::uint8_t*>(batch.bits);
#pragma unroll
  for (std::uint32_t f = 0; f < frames_per_thread; ++f) {
    const std::uint32_t frame = blockIdx.y * frames_per_thread + f;
    if (frame >= batch.frames) break;
    const std::uint32_t usable = in_frame ? usable_bits(batch, batch.arrivals[frame], place.row, place.column) : 0;
    std::uint32_t hits = 0;
    if (usable != 0) {
      const eight<Pixel> raw = load_eight(raw_frame<Pixel>(batch, frame) + row_start, place.column, batch.width);
#pragma unroll
      for (std::uint32_t i = 0; i < octet; ++i) hits |= (reached(raw.value[i], limits.value[i]) ? 1U : 0U) << i;
    }
    bytes[frame * batch.words * 4 + place.byte] = static_cast<std::uint8_t>(hits & usable);
  }
}

__device__ __forceinline__ std::int64_t floor_divide(std::int64_t numerator, std::int64_t positive_denominator) {
  const std::int64_t quotient = numerator / positive_denominator;
  return quotient * positive_denominator > numerator ? quotient - 1 : quotient;
}

constexpr unsigned noise_warps = 4;  ///< of a block

/// The charges of a half-row that are not hits, seen by one warp. With `cache`, shared memory of half a row's size, they are
/// computed once; without, the row does not fit that and they are computed again for every pass.
template <class Pixel>
class quiet_half_row {
 public:
  __device__ quiet_half_row(const batch_view& batch, std::uint32_t frame, std::uint32_t row, std::uint32_t half,
                            std::int32_t* cache)
      : batch_(batch),
        frame_(frame),
        row_(row),
        first_(half == 0 ? 0 : batch.width / 2),
        size_((half == 0 ? batch.width / 2 : batch.width) - first_),
        cache_(cache) {
    if (cache_ == nullptr) return;
    for (std::uint32_t i = threadIdx.x % warp_lanes; i < size_; i += warp_lanes) cache_[i] = quiet_charge(i);
  }

  /// Folds every quiet charge that falls to this lane into `result`. A lane meets the same charges each time.
  template <class T, class Fold>
  __device__ T fold(T result, Fold fold_one) const {
    for (std::uint32_t i = threadIdx.x % warp_lanes; i < size_; i += warp_lanes) {
      const std::int32_t charge = cache_ == nullptr ? quiet_charge(i) : cache_[i];
      if (charge != no_charge) result = fold_one(result, charge);
    }
    return result;
  }

  /// How many there are for which `counts` holds, in every lane.
  template <class Predicate>
  __device__ std::uint32_t count_if(Predicate counts) const {
    return __reduce_add_sync(whole_warp,
                             fold(0U, [=](std::uint32_t n, std::int32_t charge) { return n + (counts(charge) ? 1 : 0); }));
  }

 private:
  __device__ std::int32_t quiet_charge(std::uint32_t i) const {
    const std::uint32_t column = first_ + i;
    const std::int32_t charge = charge_or_none<Pixel>(batch_, frame_, row_, column);
    return charge <= background_of(batch_.calibrated, std::uint64_t{row_} * batch_.width + column) ? charge : no_charge;
  }

  const batch_view& batch_;
  std::uint32_t frame_;
  std::uint32_t row_;
  std::uint32_t first_;
  std::uint32_t size_;
  std::int32_t* cache_;
};

template <class Pixel>
__device__ std::int32_t noise_mean(const quiet_half_row<Pixel>& quiet, std::uint32_t count) {
  const long long sum = warp_sum(quiet.fold(0LL, [](long long total, std::int32_t charge) { return total + charge; }));
  return static_cast<std::int32_t>(floor_divide(2 * sum + count, 2 * std::int64_t{count}));
}

/// Charges as unsigned numbers in the same order, from 0 to 2 charge_limit.
__device__ __forceinline__ std::uint32_t to_key(std::int32_t charge) {
  return static_cast<std::uint32_t>(charge) + charge_limit;
}
__device__ __forceinline__ std::int32_t from_key(std::uint32_t key) {
  return static_cast<std::int32_t>(key - charge_limit);
}

/// The median by counting: bisects for the least charge with enough others at or below it.
template <class Pixel>
__device__ std::int32_t noise_median(const quiet_half_row<Pixel>& quiet, std::uint32_t count) {
  constexpr std::uint32_t most = 2U * charge_limit;
  const auto at_or_below = [&](std::uint32_t key) {
    return quiet.count_if([=](std::int32_t charge) { return to_key(charge) <= key; });
  };
  std::uint32_t low = __reduce_min_sync(
      whole_warp, quiet.fold(most, [](std::uint32_t least, std::int32_t charge) { return min(least, to_key(charge)); }));
  std::uint32_t high = __reduce_max_sync(
      whole_warp, quiet.fold(0U, [](std::uint32_t largest, std::int32_t charge) { return max(largest, to_key(charge)); }));
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (at_or_below(middle) > (count - 1) / 2) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  // The upper of the two middle elements is the same charge, or the next one up.
  std::uint32_t upper = low;
  if (at_or_below(low) <= count / 2) {
    upper = __reduce_min_sync(whole_warp, quiet.fold(most, [=](std::uint32_t least, std::int32_t charge) {
      return to_key(charge) > low ? min(least, to_key(charge)) : least;
    }));
  }
  return static_cast<std::int32_t>((std::int64_t{from_key(low)} + from_key(upper) + 1) >> 1);  // towards minus infinity
}

/// One warp per half-row.
template <class Pixel, row_noise_method Method>
__global__ void __launch_bounds__(noise_warps* warp_lanes, 8) row_noise_kernel(batch_view batch, bool cached) {
  const unsigned warp = threadIdx.x / warp_lanes;
  const std::uint64_t number = std::uint64_t{blockIdx.x} * noise_warps + warp;
  const std::uint32_t frame = blockIdx.y;
  const auto row = static_cast<std::uint32_t>(number / 2);
  const auto half = static_cast<std::uint32_t>(number % 2);
  if (row >= batch.height) return;
  std::int32_t* const cache = cached ? dynamic_shared<std::int32_t>() + warp * (batch.width - batch.width / 2) : nullptr;
  const quiet_half_row<Pixel> quiet(batch, frame, row, half, cache);
  const std::uint32_t count = quiet.count_if([](std::int32_t) { return true; });
  std::int32_t noise = 0;
  if constexpr (Method == row_noise_method::mean) {
    if (count != 0) noise = noise_mean(quiet, count);
  } else {
    if (count != 0) noise = noise_median(quiet, count);
  }
  if (threadIdx.x % warp_lanes == 0) batch.noise16[(std::uint64_t{frame} * batch.height + row) * 2 + half] = noise;
}

/// One thread an octet: charges again, row noise subtracted, against the background threshold.
template <class Pixel>
__global__ void __launch_bounds__(256) quieted_hits_kernel(batch_view batch) {
  const std::uint64_t number = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (number >= 4 * batch.words) return;
  const octet_place place(batch, number);
  const std::uint32_t frame = blockIdx.y;
  std::uint32_t hits = 0;
  for (std::uint32_t i = 0; i < octet; ++i) {
    const std::uint32_t column = place.column + i;
    if (column >= batch.width || charge_or_none<Pixel>(batch, frame, place.row, column) == no_charge) continue;
    const std::int32_t background = background_of(batch.calibrated, std::uint64_t{place.row} * batch.width + column);
    if (final_charge<Pixel>(batch, frame, place.row, column) > background) hits |= 1U << i;
  }
  reinterpret_cast<std::uint8_t*>(batch.bits)[frame * batch.words * 4 + place.byte] = static_cast<std::uint8_t>(hits);
}

// Launches.

/// Shared memory that every device gives a block without being asked.
constexpr std::size_t noise_cache_bytes = 48 << 10;

template <class Pixel>
void find_hits_after_noise(const batch_view& batch, cudaStream_t stream) {
  const std::size_t charges = noise_warps * std::size_t{batch.width - batch.width / 2} * sizeof(std::int32_t);
  const bool cached = charges <= noise_cache_bytes;
  const dim3 half_rows(blocks_for(2 * std::uint64_t{batch.height}, noise_warps), batch.frames);
  const launch_shape shape{half_rows, dim3(noise_warps * warp_lanes), cached ? charges : 0};
  const auto kernel = batch.row_noise == row_noise_method::mean ? row_noise_kernel<Pixel, row_noise_method::mean>
                                                                : row_noise_kernel<Pixel, row_noise_method::median>;
  launch(shape, stream, kernel, batch, cached);
  launch({dim3(blocks_for(4 * batch.words, 256), batch.frames), dim3(256)}, stream, quieted_hits_kernel<Pixel>, batch);
}

}  // namespace

void find_hits(const batch_view& batch, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    using Pixel = decltype(pixel);
    if (batch.row_noise != row_noise_method::none) return find_hits_after_noise<Pixel>(batch, stream);
    const dim3 grid(blocks_for(4 * batch.words, 256), blocks_for(batch.frames, frames_per_thread));
    launch({grid, dim3(256)}, stream, hits_kernel<Pixel>, batch);
  });
}

}  // namespace countem::cuda
