#include "kernels/reference/charge.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <span>

namespace countem::reference {

namespace {

template <class Pixel>
double pixel_at(const frame_view& frame, std::uint32_t row, std::uint32_t column) {
  Pixel value;
  std::memcpy(&value, frame.row(row) + std::size_t{column} * sizeof(Pixel), sizeof(Pixel));
  return static_cast<double>(value);
}

// `charge` may be infinite, never NaN.
std::int32_t clamp_charge(double charge) {
  return static_cast<std::int32_t>(std::clamp<double>(charge, -charge_limit, charge_limit));
}

std::int64_t floor_divide(std::int64_t numerator, std::int64_t positive_denominator) {
  const std::int64_t quotient = numerator / positive_denominator;
  return quotient * positive_denominator > numerator ? quotient - 1 : quotient;
}

/// Halves rounded up. There is at least one.
std::int32_t median(std::vector<std::int32_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const std::int64_t low = numbers[(numbers.size() - 1) / 2];
  const std::int64_t high = numbers[numbers.size() / 2];
  return static_cast<std::int32_t>(floor_divide(low + high + 1, 2));
}

std::vector<std::int32_t> charges_of(std::span<const std::int32_t> pixels) {
  std::vector<std::int32_t> charges;
  std::ranges::remove_copy(pixels, std::back_inserter(charges), no_charge);
  return charges;
}

/// The middle of the step that holds the lower median of the sample, or of all charges where the sample has none.
std::int32_t row_middle(std::span<const std::int32_t> half_row) {
  std::vector<std::int32_t> pixels;
  for (std::size_t i = 0; i < half_row.size(); ++i) {
    if (i % row_sample_period < row_sample_columns) pixels.push_back(half_row[i]);
  }
  std::vector<std::int32_t> charges = charges_of(pixels);
  if (charges.empty()) charges = charges_of(half_row);
  std::sort(charges.begin(), charges.end());
  const std::int64_t step = floor_divide(charges[(charges.size() - 1) / 2], row_middle_step);
  return static_cast<std::int32_t>(step * row_middle_step + row_middle_step / 2);
}

/// There is a charge.
std::int32_t mean_about(std::int32_t middle, std::span<const std::int32_t> charges) {
  const auto n = static_cast<std::int64_t>(charges.size());
  std::int64_t sum = 0;
  for (const std::int32_t charge : charges)
    sum += std::clamp<std::int64_t>(std::int64_t{charge} - middle, -row_mean_reach, row_mean_reach);
  return middle + static_cast<std::int32_t>(floor_divide(2 * sum + n, 2 * n));
}

/// There is a charge.
std::int32_t row_noise(std::span<const std::int32_t> half_row, row_noise_method method) {
  const std::vector<std::int32_t> charges = charges_of(half_row);
  if (method == row_noise_method::median) return median(charges);
  const std::int32_t about_zero = mean_about(0, charges);
  return std::abs(about_zero) <= row_mean_near ? about_zero : mean_about(row_middle(half_row), charges);
}

/// A frame's charges by half-rows, numbered row by row.
struct half_rows {
  std::vector<std::int32_t>& charge;
  frame_shape shape;

  [[nodiscard]] std::span<std::int32_t> pixels(std::uint64_t half_row) const {
    const std::uint64_t middle = shape.width / 2;
    const std::uint64_t start = half_row / 2 * shape.width;
    const auto row = std::span(charge).subspan(start, shape.width);
    return half_row % 2 == 0 ? row.first(middle) : row.subspan(middle);
  }

  void subtract(std::uint64_t half_row, std::int64_t noise) const {
    for (std::int32_t& here : pixels(half_row)) {
      if (here != no_charge) here = clamp_charge(static_cast<double>(here - noise));
    }
  }
};

void subtract_row_noise(const half_rows& frame, row_noise_method method) {
  for (std::uint64_t i = 0; i < 2 * std::uint64_t{frame.shape.height}; ++i) {
    if (!charges_of(frame.pixels(i)).empty()) frame.subtract(i, row_noise(frame.pixels(i), method));
  }
}

void subtract_shift(const half_rows& frame) {
  std::vector<std::int32_t> medians;
  for (std::uint64_t row = 0; row < frame.shape.height; row += background_row_step(frame.shape.height)) {
    for (const std::uint64_t i : {2 * row, 2 * row + 1}) {
      const std::vector<std::int32_t> charges = charges_of(frame.pixels(i));
      if (!charges.empty()) medians.push_back(median(charges));
    }
  }
  if (medians.empty()) return;
  const std::int32_t shift = median(medians);
  for (std::uint64_t i = 0; i < 2 * std::uint64_t{frame.shape.height}; ++i) frame.subtract(i, shift);
}

}  // namespace

double raw_value(const frame_view& frame, std::uint32_t row, std::uint32_t column) {
  switch (frame.type) {
    case pixel_type::u8: return pixel_at<std::uint8_t>(frame, row, column);
    case pixel_type::u16: return pixel_at<std::uint16_t>(frame, row, column);
    case pixel_type::u32: return pixel_at<std::uint32_t>(frame, row, column);
    case pixel_type::f32: return pixel_at<float>(frame, row, column);
  }
  return 0;
}

std::vector<std::int32_t> charges(const frame_view& frame, const calibration& calibrated, const counting_options& options) {
  const auto [height, width] = frame.shape;
  std::vector<std::int32_t> charge(frame.shape.pixels(), no_charge);
  for (std::uint32_t row = 0; row < height; ++row) {
    for (std::uint32_t column = 0; column < width; ++column) {
      const std::uint64_t p = std::uint64_t{row} * width + column;
      if (!can_have_charge(calibrated, p) || !frame.arrived(row, column)) continue;
      const double raw = raw_value(frame, row, column);
      if (std::isnan(raw)) continue;
      const double dark = calibrated.dark16.empty() ? 0 : calibrated.dark16[p];
      charge[p] = clamp_charge(std::nearbyint(charge_units_per_adu * raw) - dark);
      if (!calibrated.gain.empty()) {
        const float product = static_cast<float>(charge[p]) * calibrated.gain[p];
        charge[p] = clamp_charge(static_cast<double>(std::nearbyint(product)));
      }
    }
  }
  const half_rows halves{charge, frame.shape};
  if (options.row_noise != row_noise_method::none) subtract_row_noise(halves, options.row_noise);
  if (options.background == background_method::frame) subtract_shift(halves);
  return charge;
}

}  // namespace countem::reference
