#pragma once

#include "kernels/cuda/batch.hpp"
#include "kernels/cuda/device_port.cuh"

/// Raw pixels to charges, as docs/semantics.md has it.
namespace countem::cuda {

__device__ __forceinline__ std::int32_t clamp_charge(std::int64_t charge) {
  return static_cast<std::int32_t>(charge > charge_limit ? charge_limit : charge < -charge_limit ? -charge_limit : charge);
}

template <class Pixel>
__device__ __forceinline__ std::int32_t subtract_dark(Pixel raw, std::int32_t dark16) {
  return clamp_charge(std::int64_t{charge_units_per_adu} * raw - dark16);
}

/// `raw` is not a NaN.
__device__ __forceinline__ std::int32_t subtract_dark(float raw, std::int32_t dark16) {
  const double charge = rint(charge_units_per_adu * static_cast<double>(raw)) - dark16;
  return static_cast<std::int32_t>(fmin(fmax(charge, -static_cast<double>(charge_limit)), static_cast<double>(charge_limit)));
}

/// One multiplication, rounded once.
__device__ __forceinline__ std::int32_t apply_gain(std::int32_t charge, float gain) {
  const float product = rintf(__fmul_rn(static_cast<float>(charge), gain));
  constexpr float limit = charge_limit;
  return static_cast<std::int32_t>(fminf(fmaxf(product, -limit), limit));
}

/// Charge of a pixel that has one, before row noise.
template <class Pixel>
__device__ __forceinline__ std::int32_t charge_of(const calibration_view& calibrated, Pixel raw, std::uint64_t pixel) {
  const std::int32_t charge = subtract_dark(raw, calibrated.dark16 == nullptr ? 0 : calibrated.dark16[pixel]);
  return calibrated.gain == nullptr ? charge : apply_gain(charge, calibrated.gain[pixel]);
}

__device__ __forceinline__ std::int32_t background_of(const calibration_view& calibrated, std::uint64_t pixel) {
  return calibrated.pixel_background16 == nullptr ? calibrated.background16 : calibrated.pixel_background16[pixel];
}

__device__ __forceinline__ bool is_masked(const calibration_view& calibrated, std::uint64_t pixel) {
  return calibrated.mask != nullptr && calibrated.mask[pixel] != 0;
}

__device__ __forceinline__ sector_split split_of(std::uint8_t arrival) {
  return static_cast<sector_split>(arrival >> 4);
}

/// Whether the sector that holds the pixel arrived; the device's frame_view::arrived.
__device__ __forceinline__ bool arrived(const batch_view& batch, std::uint8_t arrival, std::uint32_t row,
                                        std::uint32_t column) {
  const std::uint32_t present = arrival & all_sectors;
  if (split_of(arrival) == sector_split::none) return present != 0;
  const std::uint32_t sector = split_of(arrival) == sector_split::rows ? row / (batch.height / sectors_per_frame)
                                                                       : column / (batch.width / sectors_per_frame);
  return sector < sectors_per_frame && ((present >> sector) & 1U) != 0;
}

template <class Pixel>
__device__ __forceinline__ const Pixel* raw_frame(const batch_view& batch, std::uint32_t frame) {
  return static_cast<const Pixel*>(batch.raw) + frame * batch.pixels;
}

/// Where the noise of the pixel's half-row is kept.
__device__ __forceinline__ std::uint64_t half_row(const batch_view& batch, std::uint32_t frame, std::uint32_t row,
                                                  std::uint32_t column) {
  return (std::uint64_t{frame} * batch.height + row) * 2 + (column < batch.width / 2 ? 0 : 1);
}

/// Charge of a pixel that has one, noise subtracted. Every hit has one.
template <class Pixel>
__device__ __forceinline__ std::int32_t final_charge(const batch_view& batch, std::uint32_t frame, std::uint32_t row,
                                                     std::uint32_t column) {
  const std::uint64_t pixel = std::uint64_t{row} * batch.width + column;
  const std::int32_t charge = charge_of(batch.calibrated, raw_frame<Pixel>(batch, frame)[pixel], pixel);
  if (batch.noise16 == nullptr) return charge;
  return clamp_charge(std::int64_t{charge} - batch.noise16[half_row(batch, frame, row, column)]);
}

/// Charge of any pixel, before its noise is subtracted; no_charge where it has none.
template <class Pixel>
__device__ __forceinline__ std::int32_t charge_or_none(const batch_view& batch, std::uint32_t frame, std::uint32_t row,
                                                       std::uint32_t column) {
  const std::uint64_t pixel = std::uint64_t{row} * batch.width + column;
  if (is_masked(batch.calibrated, pixel) || !arrived(batch, batch.arrivals[frame], row, column)) return no_charge;
  const Pixel raw = raw_frame<Pixel>(batch, frame)[pixel];
  if (raw != raw) return no_charge;  // a NaN
  return charge_of(batch.calibrated, raw, pixel);
}

/// Charge of any pixel, noise subtracted; no_charge where it has none.
template <class Pixel>
__device__ __forceinline__ std::int32_t final_charge_or_none(const batch_view& batch, std::uint32_t frame, std::uint32_t row,
                                                             std::uint32_t column) {
  const std::int32_t charge = charge_or_none<Pixel>(batch, frame, row, column);
  if (batch.noise16 == nullptr || charge == no_charge) return charge;
  return clamp_charge(std::int64_t{charge} - batch.noise16[half_row(batch, frame, row, column)]);
}

/// Number of the lowest bit that is set; there is one.
__device__ __forceinline__ std::uint32_t first_bit(std::uint32_t bits) {
  return static_cast<std::uint32_t>(__ffs(static_cast<int>(bits)) - 1);
}

/// Where a word of the bit image lies in its frame. A frame has fewer than 2^32 words: no more than pixels.
struct word_place {
  std::uint32_t row;
  std::uint32_t number;  ///< within the row

  __device__ word_place(const batch_view& batch, std::uint32_t word)
      : row(word / batch.words_per_row), number(word - row * batch.words_per_row) {}

  [[nodiscard]] __device__ std::uint32_t first_column() const { return number * 32; }
};

/// The frame's bit image.
struct bit_image {
  const std::uint32_t* words;
  std::uint32_t height;
  std::uint32_t words_per_row;

  __device__ bit_image(const batch_view& batch, const std::uint32_t* bits, std::uint32_t frame)
      : words(bits + frame * batch.words), height(batch.height), words_per_row(batch.words_per_row) {}

  /// 0 outside the frame.
  __device__ __forceinline__ std::uint32_t word(std::int64_t row, std::int64_t number) const {
    if (row < 0 || row >= height || number < 0 || number >= words_per_row) return 0;
    return words[static_cast<std::uint64_t>(row) * words_per_row + static_cast<std::uint64_t>(number)];
  }

  /// 32 pixels from `column` on, which may lie outside the frame.
  __device__ __forceinline__ std::uint32_t window(std::int64_t row, std::int64_t column) const {
    const std::int64_t number = column >> 5;
    return __funnelshift_r(word(row, number), word(row, number + 1), static_cast<unsigned>(column & 31));
  }
};

}  // namespace countem::cuda
