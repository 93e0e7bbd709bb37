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

/// Where the last median was, and how far apart charges lie there.
struct median_guess {
  std::int32_t charge = 0;
  float spacing = 1;
};

/// A half-row's charges in 16 bits; scratch memory. The median is searched from where the last one was.
class narrow_half_row {
 public:
  explicit narrow_half_row(std::size_t longest);

  void load(const narrow_pixels<std::uint8_t>& from);
  void load(const narrow_pixels<std::uint16_t>& from);
  /// A pixel of those loaded has no charge.
  void set_missing(std::size_t pixel);

  /// The statistic of the charges that are not above the background.
  [[nodiscard]] std::int32_t noise(row_noise_method method);

  /// Writes the charges less the noise as unsigned numbers of the same order (2^15 added), for find_hits().
  void store_denoised(std::int32_t noise, std::uint16_t* out) const;

 private:
  std::size_t count_ = 0;
  std::vector<std::int16_t> charges_;
  std::vector<std::int16_t> quiet_;  // the largest number in place of charges that are not
  quiet_sums sums_{};
  median_guess guess_;
};

}  // namespace countem::cpu
