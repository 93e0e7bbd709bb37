#include "host/core/waves.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace countem::core {

namespace {

/// Low numbers reach to 1/50 of a cycle per pixel, and no farther than this.
constexpr std::uint32_t pixels_per_low_cycle = 50;
constexpr std::uint32_t most_low = 12;

struct wave {
  double cosine = 1;
  double sine = 0;

  wave operator*(const wave& other) const {
    return {cosine * other.cosine - sine * other.sine, cosine * other.sine + sine * other.cosine};
  }
};

wave wave_of(double turns) {
  const double angle = 2 * std::numbers::pi * turns;
  return {std::cos(angle), std::sin(angle)};
}

}  // namespace

axis_waves::axis_waves(std::uint32_t length) : length_(length) {
  // The number 1 is always there: a small frame has no lower frequency.
  const std::size_t band = length < shortest ? 0 : std::clamp(length / pixels_per_low_cycle, 1U, most_low);
  for (std::vector<double>* values : {&low_.cosines, &low_.sines}) values->resize(band + 1);
  if (length < shortest) return;
  for (std::vector<double>* values : {&spectrum_.cosines, &spectrum_.sines}) values->resize(spectrum_steps);
}

std::uint64_t axis_waves::number(std::size_t step) const {
  constexpr std::uint64_t twice = 2 * spectrum_steps;
  return step == 0 ? 0 : std::max<std::uint64_t>(1, (step * length_ + spectrum_steps) / twice);
}

double axis_waves::frequency(std::size_t step) const {
  return static_cast<double>(number(step)) / length_;
}

void axis_waves::set(double coordinate) {
  const double turns = coordinate / length_;
  const wave base = wave_of(turns);
  wave at;
  for (std::size_t n = 0; n < low_.cosines.size(); ++n) {
    low_.cosines[n] = at.cosine;
    low_.sines[n] = at.sine;
    at = at * base;
  }
  if (!usable()) return;
  // From one frequency to the next the number grows by one of two steps.
  const std::uint64_t least = length_ / (2 * spectrum_steps);
  const wave short_step = wave_of(static_cast<double>(least) * turns);
  const wave long_step = wave_of(static_cast<double>(least + 1) * turns);
  at = {};
  for (std::size_t step = 1; step <= spectrum_steps; ++step) {
    at = at * (number(step) - number(step - 1) == least ? short_step : long_step);
    spectrum_.cosines[step - 1] = at.cosine;
    spectrum_.sines[step - 1] = at.sine;
  }
}

wave_sums::wave_sums(std::size_t first, std::size_t second) : second_(second) {
  for (std::vector<double>* sums : {&cos_cos_, &sin_sin_, &cos_sin_, &sin_cos_}) sums->resize(first * second);
}

void wave_sums::clear() {
  for (std::vector<double>* sums : {&cos_cos_, &sin_sin_, &cos_sin_, &sin_cos_}) std::fill(sums->begin(), sums->end(), 0.0);
}

void wave_sums::add(const axis_waves::table& first, const axis_waves::table& second) {
  for (std::size_t a = 0; a < first.cosines.size(); ++a) {
    const double cosine = first.cosines[a];
    const double sine = first.sines[a];
    const std::size_t row = a * second_;
    for (std::size_t b = 0; b < second_; ++b) {
      cos_cos_[row + b] += cosine * second.cosines[b];
      sin_sin_[row + b] += sine * second.sines[b];
      cos_sin_[row + b] += cosine * second.sines[b];
      sin_cos_[row + b] += sine * second.cosines[b];
    }
  }
}

std::complex<double> wave_sums::sum(std::size_t first, std::size_t second) const {
  const std::size_t at = first * second_ + second;
  return {cos_cos_[at] - sin_sin_[at], -(cos_sin_[at] + sin_cos_[at])};
}

std::complex<double> wave_sums::mirrored(std::size_t first, std::size_t second) const {
  const std::size_t at = first * second_ + second;
  return {cos_cos_[at] + sin_sin_[at], cos_sin_[at] - sin_cos_[at]};
}

}  // namespace countem::core
