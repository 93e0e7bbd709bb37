// What is subtracted from each half-row: its own noise, or the shift of the frame.
#include "kernels/cuda/charge.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/pixel_dispatch.hpp"
#include "kernels/cuda/stages.hpp"
#include "kernels/cuda/warp.cuh"

namespace countem::cuda {

namespace {

__device__ __forceinline__ std::int64_t floor_divide(std::int64_t numerator, std::int64_t positive_denominator) {
  const std::int64_t quotient = numerator / positive_denominator;
  return quotient * positive_denominator > numerator ? quotient - 1 : quotient;
}

constexpr unsigned noise_warps = 4;  ///< of a block

/// Folds every charge that falls to this lane into `result`: of at(i) for i < size those that are one. A lane meets the same
/// charges each time.
template <class T, class At, class Fold>
__device__ __forceinline__ T fold_charges(std::uint32_t size, At at, T result, Fold fold_one) {
  for (std::uint32_t i = threadIdx.x % warp_lanes; i < size; i += warp_lanes) {
    const std::int32_t charge = at(i);
    if (charge != no_charge) result = fold_one(result, charge);
  }
  return result;
}

/// The charges of a half-row, seen by one warp. With `cache`, shared memory of half a row's size, they are computed once;
/// without, the row does not fit that and they are computed again for every pass.
template <class Pixel>
class half_row_charges {
 public:
  __device__ half_row_charges(const batch_view& batch, std::uint32_t frame, std::uint32_t row, std::uint32_t half,
                              std::int32_t* cache)
      : batch_(batch),
        frame_(frame),
        row_(row),
        first_(half == 0 ? 0 : batch.width / 2),
        size_((half == 0 ? batch.width / 2 : batch.width) - first_),
        cache_(cache) {
    if (cache_ == nullptr) return;
    for (std::uint32_t i = threadIdx.x % warp_lanes; i < size_; i += warp_lanes) cache_[i] = charge(i);
    __syncwarp();  // a sample's charges are those of other lanes
  }

  template <class T, class Fold>
  __device__ T fold(T result, Fold fold_one) const {
    return fold_charges(
        size_, [this](std::uint32_t i) { return at(i); }, result, fold_one);
  }

  /// fold() of the pixels that row_noise_method::mean finds the middle of a half-row from.
  template <class T, class Fold>
  __device__ T fold_sample(T result, Fold fold_one) const {
    const std::uint32_t groups = (size_ + row_sample_period - 1) / row_sample_period;
    const auto sampled = [this](std::uint32_t i) {
      const std::uint32_t pixel = i / row_sample_columns * row_sample_period + i % row_sample_columns;
      return pixel < size_ ? at(pixel) : no_charge;
    };
    return fold_charges(groups * row_sample_columns, sampled, result, fold_one);
  }

 private:
  __device__ std::int32_t at(std::uint32_t i) const { return cache_ == nullptr ? charge(i) : cache_[i]; }
  __device__ std::int32_t charge(std::uint32_t i) const { return charge_or_none<Pixel>(batch_, frame_, row_, first_ + i); }

  const batch_view& batch_;
  std::uint32_t frame_;
  std::uint32_t row_;
  std::uint32_t first_;
  std::uint32_t size_;
  std::int32_t* cache_;
};

/// The medians that background_method::frame takes of a frame, seen by one warp.
class frame_medians {
 public:
  __device__ frame_medians(const batch_view& batch, std::uint32_t frame, std::uint32_t row_step)
      : noise16_(batch.noise16 + std::uint64_t{frame} * batch.height * 2),
        size_(2 * ((batch.height - 1) / row_step + 1)),
        row_step_(row_step) {}

  template <class T, class Fold>
  __device__ T fold(T result, Fold fold_one) const {
    return fold_charges(
        size_, [this](std::uint32_t i) { return noise16_[std::uint64_t{i / 2} * row_step_ * 2 + i % 2]; }, result, fold_one);
  }

 private:
  const std::int32_t* noise16_;
  std::uint32_t size_;
  std::uint32_t row_step_;
};

/// How many charges there are for which `counts` holds, in every lane.
template <class Charges, class Predicate>
__device__ std::uint32_t count_if(const Charges& charges, Predicate counts) {
  return __reduce_add_sync(
      whole_warp, charges.fold(0U, [=](std::uint32_t n, std::int32_t charge) { return n + (counts(charge) ? 1 : 0); }));
}

template <class Charges>
__device__ std::uint32_t number_of(const Charges& charges) {
  return count_if(charges, [](std::int32_t) { return true; });
}

/// Charges as unsigned numbers in the same order, from 0 to 2 charge_limit.
__device__ __forceinline__ std::uint32_t to_key(std::int32_t charge) {
  return static_cast<std::uint32_t>(charge) + charge_limit;
}
__device__ __forceinline__ std::int32_t from_key(std::uint32_t key) {
  return static_cast<std::int32_t>(key - charge_limit);
}
constexpr std::uint32_t highest_key = 2U * charge_limit;

template <class Charges>
__device__ std::uint32_t count_up_to(const Charges& charges, std::uint32_t key) {
  return count_if(charges, [=](std::int32_t charge) { return to_key(charge) <= key; });
}

/// The key of the lower median by counting: bisects for the least charge with enough others at or below it. `number`, of
/// charges, is above 0.
template <class Charges>
__device__ std::uint32_t lower_median_key(const Charges& charges, std::uint32_t number) {
  std::uint32_t low = __reduce_min_sync(whole_warp, charges.fold(highest_key, [](std::uint32_t least, std::int32_t charge) {
    return min(least, to_key(charge));
  }));
  std::uint32_t high = __reduce_max_sync(
      whole_warp, charges.fold(0U, [](std::uint32_t largest, std::int32_t charge) { return max(largest, to_key(charge)); }));
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (count_up_to(charges, middle) > (number - 1) / 2) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/// `number`, of charges, is above 0.
template <class Charges>
__device__ std::int32_t median(const Charges& charges, std::uint32_t number) {
  const std::uint32_t low = lower_median_key(charges, number);
  // The upper of the two middle elements is the same charge, or the next one up.
  std::uint32_t upper = low;
  if (count_up_to(charges, low) <= number / 2) {
    upper = __reduce_min_sync(whole_warp, charges.fold(highest_key, [=](std::uint32_t least, std::int32_t charge) {
      return to_key(charge) > low ? min(least, to_key(charge)) : least;
    }));
  }
  return static_cast<std::int32_t>((std::int64_t{from_key(low)} + from_key(upper) + 1) >> 1);  // towards minus infinity
}

/// The sample of a half-row that row_noise_method::mean finds its middle from.
template <class Charges>
class row_sample {
 public:
  __device__ explicit row_sample(const Charges& charges) : charges_(charges) {}

  template <class T, class Fold>
  __device__ T fold(T result, Fold fold_one) const {
    return charges_.fold_sample(result, fold_one);
  }

 private:
  const Charges& charges_;
};

/// The middle of the step that holds the lower median of the sample, or of all charges, `number` above 0, where it has none.
template <class Charges>
__device__ std::int32_t row_middle(const Charges& charges, std::uint32_t number) {
  static_assert(row_middle_step == 8);
  const row_sample<Charges> sample(charges);
  const std::uint32_t sampled = number_of(sample);
  const std::uint32_t key = sampled != 0 ? lower_median_key(sample, sampled) : lower_median_key(charges, number);
  return (from_key(key) >> 3) * row_middle_step + row_middle_step / 2;  // towards minus infinity
}

template <class Charges>
__device__ std::int32_t mean_about(std::int32_t middle, const Charges& charges, std::uint32_t number) {
  const long long sum = warp_sum(charges.fold(0LL, [=](long long total, std::int32_t charge) {
    return total + (min(max(charge, middle - row_mean_reach), middle + row_mean_reach) - middle);
  }));
  return middle + static_cast<std::int32_t>(floor_divide(2 * sum + number, 2 * std::int64_t{number}));
}

/// One warp per half-row of every `row_step`-th row; `otherwise` where it has no charges.
template <class Pixel, row_noise_method Method>
__global__ void __launch_bounds__(noise_warps* warp_lanes, 8)
    row_noise_kernel(batch_view batch, std::uint32_t row_step, std::int32_t otherwise, bool cached) {
  const unsigned warp = threadIdx.x / warp_lanes;
  const std::uint64_t number = std::uint64_t{blockIdx.x} * noise_warps + warp;
  const std::uint32_t frame = blockIdx.y;
  const std::uint64_t row = number / 2 * row_step;
  const auto half = static_cast<std::uint32_t>(number % 2);
  if (row >= batch.height) return;
  std::int32_t* const cache = cached ? dynamic_shared<std::int32_t>() + warp * (batch.width - batch.width / 2) : nullptr;
  const half_row_charges<Pixel> charges(batch, frame, static_cast<std::uint32_t>(row), half, cache);
  const std::uint32_t there = number_of(charges);
  std::int32_t noise = otherwise;
  if (there != 0) {
    if constexpr (Method == row_noise_method::mean) {
      // A loop of at most two rounds: the code that takes a mean is there once. No middle of a row is 0.
#pragma unroll 1
      for (std::int32_t middle = 0;; middle = row_middle(charges, there)) {
        noise = mean_about(middle, charges, there);
        if (middle != 0 || abs(noise) <= row_mean_near) break;
      }
    } else {
      noise = median(charges, there);
    }
  }
  if (threadIdx.x % warp_lanes == 0) batch.noise16[(std::uint64_t{frame} * batch.height + row) * 2 + half] = noise;
}

/// One warp per frame: medians of some half-rows -> the noise of all.
__global__ void __launch_bounds__(warp_lanes) shift_kernel(batch_view batch, std::uint32_t row_step) {
  const std::uint32_t frame = blockIdx.x;
  const frame_medians medians(batch, frame, row_step);
  const std::uint32_t there = number_of(medians);
  const std::int32_t shift = there == 0 ? 0 : median(medians, there);
  __syncwarp();  // a reduction orders no memory, and what is written now is what other lanes read
  const std::uint64_t half_rows = std::uint64_t{batch.height} * 2;
  for (std::uint64_t i = threadIdx.x; i < half_rows; i += warp_lanes) batch.noise16[frame * half_rows + i] = shift;
}

// Launches.

/// Shared memory that every device gives a block without being asked.
constexpr std::size_t noise_cache_bytes = 48 << 10;

template <class Pixel, row_noise_method Method>
void find_row_noise(const batch_view& batch, std::uint32_t row_step, std::int32_t otherwise, cudaStream_t stream) {
  const std::size_t charges = noise_warps * std::size_t{batch.width - batch.width / 2} * sizeof(std::int32_t);
  const bool cached = charges <= noise_cache_bytes;
  const std::uint64_t rows = (batch.height - 1) / row_step + 1;
  const dim3 half_rows(blocks_for(2 * rows, noise_warps), batch.frames);
  launch({half_rows, dim3(noise_warps * warp_lanes), cached ? charges : 0}, stream, row_noise_kernel<Pixel, Method>, batch,
         row_step, otherwise, cached);
}

}  // namespace

void find_noise(const batch_view& batch, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    using Pixel = decltype(pixel);
    if (batch.background == background_method::frame) {
      const std::uint32_t row_step = background_row_step(batch.height);
      find_row_noise<Pixel, row_noise_method::median>(batch, row_step, no_charge, stream);
      launch({dim3(batch.frames), dim3(warp_lanes)}, stream, shift_kernel, batch, row_step);
    } else if (batch.row_noise == row_noise_method::mean) {
      find_row_noise<Pixel, row_noise_method::mean>(batch, 1, 0, stream);
    } else {
      find_row_noise<Pixel, row_noise_method::median>(batch, 1, 0, stream);
    }
  });
}

}  // namespace countem::cuda
