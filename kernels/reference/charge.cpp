#include "kernels/reference/charge.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

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

std::int32_t statistic(std::vector<std::int32_t>& quiet, row_noise_method method) {
  if (quiet.empty()) return 0;
  const auto n = static_cast<std::int64_t>(quiet.size());
  if (method == row_noise_method::mean) {
    std::int64_t sum = 0;
    for (const std::int32_t charge : quiet) sum += charge;
    return static_cast<std::int32_t>(floor_divide(2 * sum + n, 2 * n));
  }
  std::sort(quiet.begin(), quiet.end());
  const std::int64_t low = quiet[(quiet.size() - 1) / 2];
  const std::int64_t high = quiet[quiet.size() / 2];
  return static_cast<std::int32_t>(floor_divide(low + high + 1, 2));
}

void subtract_row_noise(std::vector<std::int32_t>& charge, frame_shape shape, const calibration& calibrated,
                        row_noise_method method) {
  std::vector<std::int32_t> quiet;
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    const std::uint64_t start = std::uint64_t{row} * shape.width;
    const std::uint64_t bounds[] = {start, start + shape.width / 2, start + shape.width};
    for (int half = 0; half < 2; ++half) {
      quiet.clear();
      for (std::uint64_t p = bounds[half]; p < bounds[half + 1]; ++p) {
        if (charge[p] != no_charge && charge[p] <= background_of(calibrated, p)) quiet.push_back(charge[p]);
      }
      const std::int64_t noise = statistic(quiet, method);
      for (std::uint64_t p = bounds[half]; p < bounds[half + 1]; ++p) {
        if (charge[p] != no_charge) charge[p] = clamp_charge(static_cast<double>(charge[p] - noise));
      }
    }
  }
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

std::vector<std::int32_t> charges(const frame_view& frame, const calibration& calibrated, row_noise_method row_noise) {
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
  if (row_noise != row_noise_method::none) subtract_row_noise(charge, frame.shape, calibrated, row_noise);
  return charge;
}

}  // namespace countem::reference
