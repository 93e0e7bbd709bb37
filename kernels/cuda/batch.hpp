#pragma once

#include <cstdint>

#include <countem/counting.hpp>

/// What the kernels are given: plain structs of device pointers and numbers, passed by value. Nothing here owns anything.
namespace countem::cuda {

/// A calibration and its limits in device memory. Null: the same for every pixel (dark 0, gain 1, nothing masked,
/// background16).
struct calibration_view {
  const std::int32_t* dark16 = nullptr;
  const float* gain = nullptr;
  const std::uint8_t* mask = nullptr;  ///< not 0: the pixel has no charge; pixels of unusable gain are masked too
  const std::int32_t* pixel_background16 = nullptr;
  std::int32_t background16 = 0;
  std::int32_t xray16 = no_xray_threshold;
  std::int64_t score16 = 0;      ///< method peaks
  const void* limits = nullptr;  ///< countem/hit_limits.hpp, 32 bits each: one, or one per pixel
  bool limit_per_pixel = false;
};

/// A batch of raw frames in device memory and its bit image: one bit per pixel, set for hits. A row of bits starts at a 32-bit
/// word, the last word of a row is filled up with zeros.
struct batch_view {
  std::uint32_t frames = 0;
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint32_t words_per_row = 0;
  std::uint64_t pixels = 0;  ///< of a frame
  std::uint64_t words = 0;   ///< of a frame
  pixel_type type = pixel_type::u16;

  const void* raw = nullptr;               ///< frames * pixels
  const std::uint8_t* arrivals = nullptr;  ///< per frame: what arrived of it, see arrival()
  calibration_view calibrated;
  row_noise_method row_noise = row_noise_method::none;
  background_method background = background_method::none;
  std::int32_t* noise16 = nullptr;  ///< frames * height * 2: the charge to subtract from each half-row; null: nothing
  std::uint32_t* bits = nullptr;    ///< frames * words
};

/// frame_view's split and present in one byte.
constexpr std::uint8_t arrival(sector_split split, std::uint8_t present) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(split) << 4 | (present & all_sectors));
}

}  // namespace countem::cuda
