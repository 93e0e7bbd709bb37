#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace countem::analysis {

/// Fourier transforms of real images of a scan. Of the transform, whose other half follows by symmetry, the columns 0 to
/// width / 2 are kept. Holds scratch memory: one thread at a time.
class scan_transform {
 public:
  using complex = std::complex<double>;

  /// Lengths that transform fast (fast_length) make it fast.
  scan_transform(std::size_t height, std::size_t width);

  [[nodiscard]] std::size_t height() const { return height_; }
  [[nodiscard]] std::size_t width() const { return width_; }
  /// Columns of the transform.
  [[nodiscard]] std::size_t half() const { return width_ / 2 + 1; }
  /// Elements of the transform.
  [[nodiscard]] std::size_t size() const { return height_ * half(); }

  /// spectrum[row * half() + column] of image[row * width() + column], not scaled.
  void forward(std::span<const double> image, std::span<complex> spectrum);
  /// The image of a spectrum, scaled such that it undoes forward(). The spectrum is used up.
  void inverse(std::span<complex> spectrum, std::span<double> image);

  /// Frequency of a row of the transform in cycles per position, from -1/2 on.
  [[nodiscard]] double row_frequency(std::size_t row) const;
  /// Frequency of a column of the transform, 0 to 1/2.
  [[nodiscard]] double column_frequency(std::size_t column) const;
  /// How many elements of the full transform an element of this column stands for: 1 or 2.
  [[nodiscard]] double weight(std::size_t column) const;

 private:
  void transform_columns(std::span<complex> spectrum, bool inverse);

  std::size_t height_;
  std::size_t width_;
  std::vector<complex> line_;
  std::vector<complex> transformed_;
};

}  // namespace countem::analysis
