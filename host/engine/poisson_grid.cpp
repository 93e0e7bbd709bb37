// A Poisson equation on a grid: cosine transforms where edges are even, Hartley transforms where the grid is periodic. Both map
// real numbers to real numbers and diagonalise the Laplacian of neighbours along each axis.
#include "host/engine/poisson_grid.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unsupported/Eigen/FFT>

namespace countem::engine {

namespace {

/// Where a real line's sample belongs so that its Fourier transform holds the cosine transform: even samples ascending, then
/// odd ones descending (10.1109/TASSP.1980.1163351).
std::size_t folded(std::size_t index, std::size_t length) {
  return index % 2 == 0 ? index / 2 : length - 1 - index / 2;
}

/// Fewer are transformed sooner than handed to a thread.
constexpr std::size_t least_numbers_of_a_task = 1U << 14U;

void transposed(const std::vector<double>& map, std::size_t height, std::size_t width, std::vector<double>& turned) {
  constexpr std::size_t block = 16;
  turned.resize(map.size());
  const std::size_t grain = std::max<std::size_t>(1, least_numbers_of_a_task / (block * width));
  const tbb::blocked_range<std::size_t> strips(0, (height + block - 1) / block, grain);
  tbb::parallel_for(strips, [&](const tbb::blocked_range<std::size_t>& some) {
    const std::size_t end = std::min(some.end() * block, height);
    for (std::size_t r0 = some.begin() * block; r0 < end; r0 += block) {
      for (std::size_t c0 = 0; c0 < width; c0 += block) {
        for (std::size_t r = r0; r < std::min(r0 + block, height); ++r) {
          for (std::size_t c = c0; c < std::min(c0 + block, width); ++c) turned[c * height + r] = map[r * width + c];
        }
      }
    }
  });
}

}  // namespace

double phase_advance(std::size_t index, std::size_t length, scan_edges edges) {
  const double turn = edges == scan_edges::even ? std::numbers::pi : 2 * std::numbers::pi;
  return turn * static_cast<double>(index) / static_cast<double>(length);
}

double laplacian_eigenvalue(std::size_t index, std::size_t length, scan_edges edges) {
  return 2 - 2 * std::cos(phase_advance(index, length, edges));
}

std::size_t fast_length(std::size_t length) {
  const auto has_small_factors = [](std::size_t number) {
    for (const std::size_t factor : {2U, 3U, 5U, 7U, 11U, 13U}) {
      while (number % factor == 0) number /= factor;
    }
    return number == 1;
  };
  if (length == 0) return 0;
  while (!has_small_factors(length)) ++length;
  return length;
}

poisson_grid::poisson_grid(std::size_t height, std::size_t width, scan_edges edges, double added)
    : height_(height), width_(width), edges_(edges), added_(added) {}

void poisson_grid::solve(std::vector<double>& map) {
  transform_lines(map, height_, width_, direction::forward);
  // Lines are transformed as they lie in memory: columns a power of two apart share few cache lines.
  transposed(map, height_, width_, turned_);
  transform_lines(turned_, width_, height_, direction::forward);
  std::vector<double> along_rows(height_);
  for (std::size_t r = 0; r < height_; ++r) along_rows[r] = laplacian_eigenvalue(r, height_, edges_);
  for (std::size_t c = 0; c < width_; ++c) {
    const double along_columns = laplacian_eigenvalue(c, width_, edges_) + added_;
    for (std::size_t r = 0; r < height_; ++r) {
      const double eigenvalue = along_columns + along_rows[r];
      turned_[c * height_ + r] = eigenvalue > 0 ? turned_[c * height_ + r] / eigenvalue : 0;
    }
  }
  transform_lines(turned_, width_, height_, direction::inverse);
  transposed(turned_, width_, height_, map);
  transform_lines(map, height_, width_, direction::inverse);
}

void poisson_grid::transform_lines(std::vector<double>& map, std::size_t lines, std::size_t length, direction way) {
  if (length == 1) return;  // one number is its own transform
  quarter_turns_.resize(length);
  for (std::size_t k = 0; k < length; ++k) {
    quarter_turns_[k] = std::polar(1.0, -std::numbers::pi * static_cast<double>(k) / (2.0 * static_cast<double>(length)));
  }
  const std::size_t grain = std::max<std::size_t>(1, least_numbers_of_a_task / (2 * length));
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, (lines + 1) / 2, grain),
                    [&](const tbb::blocked_range<std::size_t>& pairs) {
                      for (std::size_t pair = pairs.begin(); pair < pairs.end(); ++pair) {
                        double* const first = map.data() + 2 * pair * length;
                        transform_two(first, 2 * pair + 1 < lines ? first + length : nullptr, length, way);
                      }
                    });
}

/// Two real lines as one complex one. `second` may be null.
void poisson_grid::transform_two(double* first, double* second, std::size_t length, direction way) const {
  static thread_local Eigen::FFT<double> fft;
  static thread_local std::vector<complex> line;
  static thread_local std::vector<complex> transformed;
  line.resize(length);
  const bool even = edges_ == scan_edges::even;
  const auto at = [](const double* numbers, std::size_t i) { return numbers == nullptr ? 0.0 : numbers[i]; };
  if (even && way == direction::inverse) {
    // Coefficients X of a real, folded line v: its Fourier coefficients are e^(i pi k / 2 n) (X[k] - i X[n - k]).
    for (std::size_t k = 0; k < length; ++k) {
      const complex a(at(first, k), k == 0 ? 0 : -at(first, length - k));
      const complex b(at(second, k), k == 0 ? 0 : -at(second, length - k));
      line[k] = std::conj(quarter_turns_[k]) * (a + complex(-b.imag(), b.real()));
    }
    fft.inv(transformed, line);
    for (std::size_t i = 0; i < length; ++i) {
      const complex both = transformed[folded(i, length)];
      first[i] = both.real();
      if (second != nullptr) second[i] = both.imag();
    }
    return;
  }
  for (std::size_t i = 0; i < length; ++i) line[even ? folded(i, length) : i] = complex(at(first, i), at(second, i));
  fft.fwd(transformed, line);
  // The Hartley transform is its own inverse but for the length.
  const double scale = way == direction::inverse ? 1.0 / static_cast<double>(length) : 1.0;
  for (std::size_t k = 0; k < length; ++k) {
    const complex here = transformed[k];
    const complex there = std::conj(transformed[k == 0 ? 0 : length - k]);
    complex a = 0.5 * (here + there);
    complex b = complex(0, -0.5) * (here - there);
    if (even) {
      a *= quarter_turns_[k];
      b *= quarter_turns_[k];
      first[k] = a.real();
      if (second != nullptr) second[k] = b.real();
    } else {
      first[k] = scale * (a.real() - a.imag());
      if (second != nullptr) second[k] = scale * (b.real() - b.imag());
    }
  }
}

}  // namespace countem::engine
