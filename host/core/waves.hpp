#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace countem::core {

/// Equal steps from 0 to the Nyquist frequency at which a spectrum is taken.
inline constexpr std::size_t spectrum_steps = 32;

/// e^(-2 pi i n x / length) for one coordinate x along an axis: n = 0 to band(), the low numbers, and the numbers of the
/// spectrum's frequencies, held as cosines and sines of the positive angle.
class axis_waves {
 public:
  /// Cosines and sines, one of each per number.
  struct table {
    std::vector<double> cosines;
    std::vector<double> sines;
  };

  /// An axis that is too short has n = 0 alone.
  explicit axis_waves(std::uint32_t length);

  /// Fills both tables for a coordinate in pixels.
  void set(double coordinate);

  [[nodiscard]] const table& low() const { return low_; }
  [[nodiscard]] const table& spectrum() const { return spectrum_; }
  /// The largest low number.
  [[nodiscard]] std::size_t band() const { return low_.cosines.size() - 1; }
  /// Whether the axis has the spectrum's frequencies.
  [[nodiscard]] bool usable() const { return !spectrum_.cosines.empty(); }
  /// Cycles per pixel of the spectrum's frequency `step` (1 to spectrum_steps).
  [[nodiscard]] double frequency(std::size_t step) const;
  /// Cycles per pixel of a low number.
  [[nodiscard]] double low_frequency(std::size_t number) const { return static_cast<double>(number) / length_; }

  /// Pixels that an axis needs for a spectrum.
  static constexpr std::uint32_t shortest = 8;

 private:
  [[nodiscard]] std::uint64_t number(std::size_t step) const;

  std::uint32_t length_;
  table low_;
  table spectrum_;
};

/// Sums over particles of the products of the waves of two axes: enough for e^(-i (a + b)) and e^(-i (a - b)) of each pair.
class wave_sums {
 public:
  wave_sums(std::size_t first, std::size_t second);

  void clear();
  /// Adds one particle.
  void add(const axis_waves::table& first, const axis_waves::table& second);
  /// The sum of e^(-i (a + b)).
  [[nodiscard]] std::complex<double> sum(std::size_t first, std::size_t second) const;
  /// The sum of e^(-i (a - b)).
  [[nodiscard]] std::complex<double> mirrored(std::size_t first, std::size_t second) const;

 private:
  std::size_t second_;
  std::vector<double> cos_cos_;
  std::vector<double> sin_sin_;
  std::vector<double> cos_sin_;
  std::vector<double> sin_cos_;
};

}  // namespace countem::core
