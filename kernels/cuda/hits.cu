// Raw pixels to hits: each becomes a bit of the bit image.
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

/// One thread an octet: charges again, noise subtracted, against the background threshold.
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

template <class Pixel>
void find_hits_after_noise(const batch_view& batch, cudaStream_t stream) {
  find_noise(batch, stream);
  launch({dim3(blocks_for(4 * batch.words, 256), batch.frames), dim3(256)}, stream, quieted_hits_kernel<Pixel>, batch);
}

}  // namespace

void find_hits(const batch_view& batch, cudaStream_t stream) {
  with_pixel_type(batch.type, [&](auto pixel) {
    using Pixel = decltype(pixel);
    if (batch.noise16 != nullptr) return find_hits_after_noise<Pixel>(batch, stream);
    const dim3 grid(blocks_for(4 * batch.words, 256), blocks_for(batch.frames, frames_per_thread));
    launch({grid, dim3(256)}, stream, hits_kernel<Pixel>, batch);
  });
}

}  // namespace countem::cuda
