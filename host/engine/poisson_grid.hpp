#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <countem/phase_options.hpp>

namespace countem::engine {

/// Solves (L + k) x = b on a grid by fast transforms along both axes. L is the Laplacian of differences between neighbours: the
/// sum of x[p] - x[q] over the neighbours q of p, of which a position at an even edge has fewer. Works on all threads and holds
/// scratch memory: one call at a time. The result does not depend on the number of threads.
class poisson_grid {
 public:
  poisson_grid(std::size_t height, std::size_t width, scan_edges edges, double added);

  /// Replaces b, row by row, by x. With k = 0 the mean of b is ignored and that of x is 0.
  void solve(std::vector<double>& map);

  [[nodiscard]] std::size_t height() const { return height_; }
  [[nodiscard]] std::size_t width() const { return width_; }
  [[nodiscard]] scan_edges edges() const { return edges_; }
  /// The number k.
  [[nodiscard]] double added() const { return added_; }

 private:
  using complex = std::complex<double>;
  enum class direction : std::uint8_t { forward, inverse };

  void transform_lines(std::vector<double>& map, std::size_t lines, std::size_t length, direction way);
  void transform_two(double* first, double* second, std::size_t length, direction way) const;

  std::size_t height_;
  std::size_t width_;
  scan_edges edges_;
  double added_;
  std::vector<double> turned_;
  std::vector<complex> quarter_turns_;  ///< of the line's length
};

/// 2 - 2 cos of the coefficient's phase advance: the eigenvalue of one axis.
[[nodiscard]] double laplacian_eigenvalue(std::size_t index, std::size_t length, scan_edges edges);

/// The phase advance per position of coefficient `index`: pi index / length with even edges, 2 pi index / length else.
[[nodiscard]] double phase_advance(std::size_t index, std::size_t length, scan_edges edges);

/// The shortest length from `length` on that transforms fast.
[[nodiscard]] std::size_t fast_length(std::size_t length);

}  // namespace countem::engine
