// Integration of deflections over the scan: with G the gradient, the phase's Fourier coefficients are k . G / (2 pi i k^2).
#include <fftw3.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <memory>
#include <mutex>
#include <numbers>
#include <utility>

#include <countem/error.hpp>
#include <countem/store_reduction.hpp>

namespace countem {

namespace {

/// FFTW plans from one thread at a time.
std::mutex& planning() {
  static std::mutex one;
  return one;
}

class plan {
 public:
  explicit plan(fftw_plan made) : made_(made) {
    if (made_ == nullptr) throw error("FFTW has no plan for a scan of this size");
  }
  plan(const plan&) = delete;
  plan& operator=(const plan&) = delete;
  ~plan() {
    const std::lock_guard lock(planning());
    fftw_destroy_plan(made_);
  }
  void run() const { fftw_execute(made_); }

 private:
  fftw_plan made_;
};

/// A map over the scan and its Fourier coefficients; of the columns' frequencies those from 0 to half the width.
class transformed_map {
 public:
  transformed_map(int height, int width)
      : width_(static_cast<std::size_t>(width)),
        values_(static_cast<std::size_t>(height) * width_),
        coefficients_(static_cast<std::size_t>(height) * (width_ / 2 + 1)) {
    const std::lock_guard lock(planning());
    auto* const complex = reinterpret_cast<fftw_complex*>(coefficients_.data());
    forward_ = std::make_unique<plan>(fftw_plan_dft_r2c_2d(height, width, values_.data(), complex, FFTW_ESTIMATE));
    backward_ = std::make_unique<plan>(fftw_plan_dft_c2r_2d(height, width, complex, values_.data(), FFTW_ESTIMATE));
  }

  [[nodiscard]] std::vector<double>& values() { return values_; }
  [[nodiscard]] std::complex<double>& coefficient(std::size_t row, std::size_t column) {
    return coefficients_[row * (width_ / 2 + 1) + column];
  }
  void forward() { forward_->run(); }
  void backward() { backward_->run(); }  // not divided by the number of values

 private:
  std::size_t width_;
  std::vector<double> values_;
  std::vector<std::complex<double>> coefficients_;
  std::unique_ptr<plan> forward_;
  std::unique_ptr<plan> backward_;
};

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

void fill(transformed_map& map, const std::vector<double>& deflections) {
  const double mean = finite_mean(deflections);
  std::ranges::transform(deflections, map.values().begin(), [&](double d) { return std::isfinite(d) ? d - mean : 0.0; });
  map.forward();
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
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (height == 0 || width == 0 || height > most || width > most || maps.row.size() != height * width ||
      maps.column.size() != height * width)
    throw invalid_argument("the centres of mass to be integrated do not fill the scan");
  transformed_map rows(static_cast<int>(height), static_cast<int>(width));
  transformed_map columns(static_cast<int>(height), static_cast<int>(width));
  fill(rows, maps.row);
  fill(columns, maps.column);
  const double scale = static_cast<double>(height) * static_cast<double>(width);  // FFTW leaves it in
  for (std::size_t r = 0; r < height; ++r) {
    const double k_row = frequency(r, height);
    for (std::size_t c = 0; c <= width / 2; ++c) {
      const double k_column = frequency(c, width);
      const double squared = k_row * k_row + k_column * k_column;
      const std::complex<double> along = slope(k_row) * rows.coefficient(r, c) + slope(k_column) * columns.coefficient(r, c);
      rows.coefficient(r, c) = squared == 0 ? 0 : along / std::complex<double>(0, 2 * std::numbers::pi * squared * scale);
    }
  }
  rows.backward();
  std::vector<double> phase = std::move(rows.values());
  for (std::size_t p = 0; p < phase.size(); ++p) {
    if (!std::isfinite(maps.row[p])) phase[p] = std::numeric_limits<double>::quiet_NaN();
  }
  const double mean = finite_mean(phase);
  for (double& value : phase) value -= mean;
  return phase;
}

saved_image phase_image(const reduction_result& result, const scan_shape& scan, bool without_descan) {
  deflection maps = deflections(result);
  if (without_descan) subtract_plane(maps, scan);
  return {"phase",
          {scan.height, scan.width},
          integrate(maps, scan),
          "pixels * steps",
          "integrated centre of mass (differential phase contrast); NaN without electrons"};
}

}  // namespace countem
