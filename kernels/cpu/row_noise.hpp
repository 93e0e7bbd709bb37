#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <countem/counting.hpp>

namespace countem::cpu {

/// The noise of a half-row: mean or median of its quiet charges, rounded as docs/semantics.md says; 0 where there are none.
/// Reorders `quiet`.
[[nodiscard]] std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> quiet);

/// Darks and thresholds in 16 bits, for the common case in which all that row noise asks of a charge fits: 8- or 16-bit pixels,
/// no gain, and moderate values. Raw values from `brightest_raw` on are cut to it, which leaves them hits before and after.
struct narrow_calibration {
  static constexpr std::int32_t brightest_raw = 2047;
  /// No charge: masked, or of a sector that did not arrive.
  static constexpr std::int16_t missing = std::numeric_limits<std::int16_t>::min();

  std::vector<std::int16_t> dark16;      ///< one a pixel, or empty: 0
  std::vector<std::int16_t> background;  ///< one a pixel, or empty: `background_everywhere`
  std::int16_t background_everywhere = 0;
  std::vector<std::vector<std::uint32_t>> masked;  ///< columns of each row; empty when nothing is masked
};

/// Nothing where 16 bits do not do.
[[nodiscard]] std::optional<narrow_calibration> find_narrow_calibration(const counting_setup& setup);

/// Pixels of a half-row with what their charges are found with; null planes: 0, and `everywhere`.
template <class Pixel>
struct narrow_pixels {
  const Pixel* raw;
  const std::int16_t* dark16;
  const std::int16_t* background;
  std::int16_t everywhere;
  std::size_t count;
};

struct quiet_sums {
  std::int64_t count;
  std::int64_t sum;
};

/// What the last median of a half-row tells of the next.
struct median_guess {
  float above_mean = 0;  ///< from the mean of the quiet charges to their median
  float spacing = 1;     ///< between neighbouring charges there
};

struct median_search;

/// A half-row's charges in 16 bits; scratch memory.
class narrow_half_row {
 public:
  /// For up to that many pixels, with a background for each where `per_pixel`.
  narrow_half_row(std::size_t longest, bool per_pixel);

  void load(const narrow_pixels<std::uint8_t>& from);
  void load(const narrow_pixels<std::uint16_t>& from);
  /// A pixel of those loaded has no charge.
  void set_missing(std::size_t pixel);

  /// Finds the noise of each: the statistic of its charges that are not above the background, 0 where there are none. Several
  /// at once, because a median is a row of searches that wait for their counts: meanwhile others can be counted.
  static void find_noise(row_noise_method method, std::span<narrow_half_row> rows);
  [[nodiscard]] std::int32_t noise() const { return noise_; }

  /// Sets the bits of charges that are above background and noise, from bit `first` of `row` on; they were 0.
  void set_hits(std::uint64_t* row, std::size_t first);

 private:
  template <class Pixel>
  void begin(const narrow_pixels<Pixel>& from);
  void end(const median_search& search);

  std::size_t count_ = 0;
  std::vector<std::int16_t> charges_;
  /// Only with a background for each pixel: the largest number in place of charges above it. With a common background the quiet
  /// charges are the lowest anyway.
  std::vector<std::int16_t> quiet_;
  const std::int16_t* background_ = nullptr;  ///< one a pixel, or null
  std::int16_t background_everywhere_ = 0;
  quiet_sums sums_{};
  std::int64_t missing_ = 0;
  std::int32_t noise_ = 0;
  median_guess guess_;
  std::vector<std::uint64_t> hits_;
};

}  // namespace countem::cpu
