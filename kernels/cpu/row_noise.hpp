#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/counting.hpp>

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
    std::int32_t* noise;                     ///< of the two halves; written
    std::span<const std::uint32_t> missing;  ///< columns of sectors that did not arrive
  };
  std::array<frame, most_frames> frames;
  std::size_t count = 0;
  std::size_t width = 0;
  const std::int16_t* dark16 = nullptr;      ///< one a pixel, or null: 0
  const std::int16_t* background = nullptr;  ///< one a pixel, or null: `everywhere`
  std::int16_t everywhere = 0;
};

/// A half-row's charges and what is known of them.
struct narrow_half_row {
  std::int16_t* charges;  ///< missing ones behind the last
  std::int16_t* quiet;    ///< charges, `masked` in place of those above their pixel's background; or the same as `charges`
  std::size_t count = 0;  ///< pixels
  std::size_t longer_count = 0;  ///< of the longer half of the row
  std::int64_t missing = 0;      ///< charges that are none; with those that fill up whole vectors of the longer half
  std::int64_t quiet_count = 0;  ///< charges that are not above the background ...
  std::int64_t quiet_sum = 0;    ///< ... and their sum
  std::int32_t noise = 0;
  float above_mean = 0;  ///< where medians of this half lay lately, from the mean of the quiet charges
};

/// Takes row noise off in 16-bit numbers. Scratch memory, and what earlier rows predict of the next median.
class narrow_noise {
 public:
  /// For rows of that many pixels, with a background for each where `per_pixel`.
  narrow_noise(row_noise_method method, std::size_t width, bool per_pixel);
  narrow_noise(const narrow_noise&) = delete;  // halves point into the memory
  narrow_noise& operator=(const narrow_noise&) = delete;

  /// Finds the noise of each half: the statistic of its charges that are not above the background, 0 where there are none; and
  /// sets the bits of charges that are above background and noise. Words of `hits` are written whole.
  void find_hits(const narrow_rows<std::uint8_t>& rows);
  void find_hits(const narrow_rows<std::uint16_t>& rows);

 private:
  row_noise_method method_;
  std::vector<std::int16_t> memory_;
  std::array<narrow_half_row, 2 * narrow_rows<std::uint8_t>::most_frames> halves_{};
  std::vector<std::uint64_t> words_;
};

}  // namespace countem::cpu
