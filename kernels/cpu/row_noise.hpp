#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <hwy/aligned_allocator.h>

#include <countem/counting.hpp>

#include "kernels/cpu/fetch_ahead.hpp"
#include "kernels/cpu/narrow_calibration.hpp"

namespace countem::cpu {

/// A row of up to four frames, whose hits are wanted.
template <class Pixel>
struct narrow_rows {
  static constexpr std::size_t most_frames = 4;

  struct frame {
    const Pixel* raw;                        ///< `width` pixels
    const Pixel* ahead;                      ///< what to fetch meanwhile, or null
    std::uint64_t* hits;                     ///< a row of the hit mask: the words that hold pixels, and one more
    std::int32_t* noise;                     ///< of the two halves; written or given
    std::span<const std::uint32_t> missing;  ///< columns of sectors that did not arrive
  };
  std::array<frame, most_frames> frames;
  std::size_t count = 0;
  std::size_t width = 0;
  const std::int16_t* dark16 = nullptr;      ///< one a pixel, or null: 0
  const std::int16_t* background = nullptr;  ///< one a pixel, or null: `everywhere`
  std::int16_t everywhere = 0;
  std::array<std::uint16_t, 2> masked{};  ///< pixels of each half
  std::int32_t highest_noise = 0;         ///< where a half has more, only that is known afterwards: its noise is above this
};

/// A half-row's charges and what is known of them.
struct narrow_half_row {
  std::int16_t* charges;         ///< missing ones behind the last
  std::size_t count = 0;         ///< pixels
  std::size_t longer_count = 0;  ///< of the longer half of the row
  std::int64_t missing = 0;      ///< pixels that did not arrive, with those that fill up whole vectors of the longer half
  std::int64_t masked = 0;       ///< pixels that are masked
  std::int64_t number = 0;       ///< pixels with a charge ...
  std::int64_t near_sum = 0;     ///< ... and the sum of their charges, cut to `cut_from` and `cut_to`
  fetch_ahead ahead;             ///< the pixels of a later row
  std::int16_t cut_from = 0;
  std::int16_t cut_to = 0;

  // For the median.
  std::int32_t median = 0;  ///< 0 where there are no charges; of the half-row before while charges are loaded
  float above_mean = 0;     ///< where medians of this half lay lately, from the mean of the cut charges

  // For the mean, where it is far from 0.
  std::int8_t* sample = nullptr;  ///< steps of the sample's charges from that of the middle before; the highest behind the last
  std::size_t sampled = 0;        ///< pixels of the sample ...
  std::size_t sample_masked = 0;  ///< ... that are masked
  std::size_t sample_missing = 0;  ///< ... that did not arrive
  std::int32_t middle = 0;         ///< of the last such half-row until it is found

  static constexpr std::int32_t beyond = narrow_calibration::masked;  ///< a median that 16 bits may not hold
  static constexpr std::int32_t median_reach = 128;                   ///< of cut charges from the median before, in 1/16 ADU
  void set_cut(std::int32_t centre, std::int32_t reach) {
    cut_from = cut(centre - reach);
    cut_to = cut(centre + reach);
  }
  /// The nearest number that may be a charge.
  [[nodiscard]] static std::int16_t cut(std::int32_t charge) {
    return static_cast<std::int16_t>(
        std::clamp<std::int32_t>(charge, narrow_calibration::missing + 1, narrow_calibration::masked - 1));
  }
};

/// Of the frames that go side by side.
inline constexpr std::size_t most_halves = 2 * narrow_rows<std::uint8_t>::most_frames;

/// What is wanted of rows.
enum class noise_task : std::uint8_t {
  medians,         ///< as the noise of each half its median; no_charge where it has no charges
  noise_and_hits,  ///< the noise of each half, and the bits of charges above background and noise
  hits,            ///< the bits alone, for noise that is given
};

/// Finds noise and hits in 16-bit numbers. Words of `hits` are written whole. Scratch memory, and what earlier rows predict of
/// the next median or middle.
class narrow_noise {
 public:
  /// For rows of that many pixels.
  narrow_noise(row_noise_method method, std::size_t width);
  narrow_noise(const narrow_noise&) = delete;  // halves point into the memory
  narrow_noise& operator=(const narrow_noise&) = delete;

  void run(noise_task task, const narrow_rows<std::uint8_t>& rows);
  void run(noise_task task, const narrow_rows<std::uint16_t>& rows);

 private:
  row_noise_method method_;
  std::vector<std::int16_t> memory_;
  hwy::AlignedFreeUniquePtr<std::int8_t[]> samples_;
  std::array<narrow_half_row, most_halves> halves_{};
  std::vector<std::uint64_t> words_;
};

}  // namespace countem::cpu
