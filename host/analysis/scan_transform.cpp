// Rows are transformed in pairs, one as real and one as imaginary part; then the columns of the kept half.
#include "host/analysis/scan_transform.hpp"

#include <unsupported/Eigen/FFT>

namespace countem::analysis {

namespace {

/// Its tables of roots are kept from line to line.
Eigen::FFT<double>& transforms() {
  static thread_local Eigen::FFT<double> fft;
  return fft;
}

}  // namespace

scan_transform::scan_transform(std::size_t height, std::size_t width) : height_(height), width_(width) {}

void scan_transform::forward(std::span<const double> image, std::span<complex> spectrum) {
  const complex i(0, 1);
  line_.resize(width_);
  transformed_.resize(width_);
  for (std::size_t r = 0; r < height_; r += 2) {
    const bool two = r + 1 < height_;
    for (std::size_t c = 0; c < width_; ++c) line_[c] = {image[r * width_ + c], two ? image[(r + 1) * width_ + c] : 0.0};
    transforms().fwd(transformed_.data(), line_.data(), static_cast<Eigen::Index>(width_));
    for (std::size_t c = 0; c < half(); ++c) {
      const complex here = transformed_[c];
      const complex there = std::conj(transformed_[c == 0 ? 0 : width_ - c]);
      spectrum[r * half() + c] = 0.5 * (here + there);
      if (two) spectrum[(r + 1) * half() + c] = -0.5 * i * (here - there);
    }
  }
  transform_columns(spectrum, false);
}

void scan_transform::inverse(std::span<complex> spectrum, std::span<double> image) {
  transform_columns(spectrum, true);
  const complex i(0, 1);
  line_.resize(width_);
  transformed_.resize(width_);
  for (std::size_t r = 0; r < height_; r += 2) {
    const bool two = r + 1 < height_;
    const auto at = [&](std::size_t row, std::size_t c) {
      return c < half() ? spectrum[row * half() + c] : std::conj(spectrum[row * half() + width_ - c]);
    };
    for (std::size_t c = 0; c < width_; ++c) line_[c] = at(r, c) + (two ? i * at(r + 1, c) : 0.0);
    transforms().inv(transformed_.data(), line_.data(), static_cast<Eigen::Index>(width_));
    for (std::size_t c = 0; c < width_; ++c) {
      image[r * width_ + c] = transformed_[c].real();
      if (two) image[(r + 1) * width_ + c] = transformed_[c].imag();
    }
  }
}

void scan_transform::transform_columns(std::span<complex> spectrum, bool inverse) {
  line_.resize(height_);
  transformed_.resize(height_);
  for (std::size_t c = 0; c < half(); ++c) {
    for (std::size_t r = 0; r < height_; ++r) line_[r] = spectrum[r * half() + c];
    if (inverse) {
      transforms().inv(transformed_.data(), line_.data(), static_cast<Eigen::Index>(height_));
    } else {
      transforms().fwd(transformed_.data(), line_.data(), static_cast<Eigen::Index>(height_));
    }
    for (std::size_t r = 0; r < height_; ++r) spectrum[r * half() + c] = transformed_[r];
  }
}

double scan_transform::row_frequency(std::size_t row) const {
  const auto length = static_cast<double>(height_);
  const auto index = static_cast<double>(row);
  return (2 * row < height_ ? index : index - length) / length;
}

double scan_transform::column_frequency(std::size_t column) const {
  return static_cast<double>(column) / static_cast<double>(width_);
}

double scan_transform::weight(std::size_t column) const {
  return column == 0 || 2 * column == width_ ? 1 : 2;
}

}  // namespace countem::analysis
