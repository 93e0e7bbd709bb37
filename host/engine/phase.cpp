// Integration of deflections over the scan: with G the gradient, the phase's Fourier coefficients are k . G / (2 pi i k^2).
#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <unsupported/Eigen/FFT>
#include <utility>

#include <countem/deflection.hpp>
#include <countem/error.hpp>
#include <countem/result_images.hpp>

namespace countem {

namespace {

using coefficients = std::vector<std::complex<double>>;

/// Which way a transform goes. The inverse divides by the length.
enum class direction : std::uint8_t { forward, inverse };

/// Transforms each of `lines` lines of `length` numbers, `step` apart; line n begins at n * line_step.
void transform_lines(coefficients& map, std::size_t lines, std::size_t line_step, std::size_t length, std::size_t step,
                     direction way) {
  if (length == 1) return;  // one number is its own transform; Eigen's takes no scratch memory for it and writes there
  Eigen::FFT<double> fft;
  coefficients line(length);
  coefficients transformed(length);
  for (std::size_t n = 0; n < lines; ++n) {
    for (std::size_t i = 0; i < length; ++i) line[i] = map[n * line_step + i * step];
    if (way == direction::forward) {
      fft.fwd(transformed, line);
    } else {
      fft.inv(transformed, line);
    }
    for (std::size_t i = 0; i < length; ++i) map[n * line_step + i * step] = transformed[i];
  }
}

void transform(coefficients& map, std::size_t height, std::size_t width, direction way) {
  transform_lines(map, height, width, width, 1, way);
  transform_lines(map, width, 1, height, width, way);
}

/// Mean of the values that are numbers; 0 without any.
double finite_mean(const std::vector<double>& values) {
  double sum = 0;
  std::size_t number = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++number;
  }
  return number == 0 ? 0 : sum / static_cast<double>(number);
}

/// The Fourier coefficients of the deflections from their mean; what is not a number counts as the mean.
coefficients transformed(const std::vector<double>& deflections, std::size_t height, std::size_t width) {
  const double mean = finite_mean(deflections);
  coefficients map(deflections.size());
  std::ranges::transform(deflections, map.begin(), [&](double d) { return std::isfinite(d) ? d - mean : 0.0; });
  transform(map, height, width, direction::forward);
  return map;
}

/// Cycles a step of the coefficient, below 0 in the upper half.
double frequency(std::size_t index, std::size_t length) {
  const auto n = static_cast<double>(length);
  const auto i = static_cast<double>(index);
  return (2 * i < n ? i : i - n) / n;
}

/// The frequency as a derivative sees it: that of half a cycle a step, which only even lengths have, has no sign and drops out.
double slope(double of_frequency) {
  return std::abs(of_frequency) == 0.5 ? 0 : of_frequency;
}

}  // namespace

std::vector<double> integrate(const deflection& maps, const scan_shape& scan) {
  const std::size_t height = scan.height;
  const std::size_t width = scan.width;
  if (maps.row.empty() || maps.row.size() != height * width || maps.column.size() != height * width)
    throw invalid_argument("the centres of mass to be integrated do not fill the scan");
  coefficients rows = transformed(maps.row, height, width);
  const coefficients columns = transformed(maps.column, height, width);
  for (std::size_t r = 0; r < height; ++r) {
    const double k_row = frequency(r, height);
    for (std::size_t c = 0; c < width; ++c) {
      const double k_column = frequency(c, width);
      const double squared = k_row * k_row + k_column * k_column;
      std::complex<double>& here = rows[r * width + c];
      const std::complex<double> along = slope(k_row) * here + slope(k_column) * columns[r * width + c];
      here = squared == 0 ? 0 : along / std::complex<double>(0, 2 * std::numbers::pi * squared);
    }
  }
  transform(rows, height, width, direction::inverse);
  std::vector<double> phase;
  for (const std::complex<double>& value : rows) phase.push_back(value.real());
  for (std::size_t p = 0; p < phase.size(); ++p) {
    if (!std::isfinite(maps.row[p])) phase[p] = std::numeric_limits<double>::quiet_NaN();
  }
  const double mean = finite_mean(phase);
  for (double& value : phase) value -= mean;
  return phase;
}

saved_image phase_image(const reduction_result& result, const scan_shape& scan, deflection_origin origin) {
  deflection maps = deflections(result);
  if (origin == deflection_origin::descan) subtract_plane(maps, scan);
  return {"phase",
          {scan.height, scan.width},
          integrate(maps, scan),
          "pixels * steps",
          "integrated centre of mass (differential phase contrast); NaN without electrons"};
}

}  // namespace countem
