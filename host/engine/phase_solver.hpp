#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <countem/deflection.hpp>
#include <countem/phase_options.hpp>
#include <countem/types.hpp>

#include "host/engine/phase_links.hpp"
#include "host/engine/poisson_grid.hpp"

namespace countem::engine {

/// Weighted least squares: the map whose differences along links come nearest to the integrals of the deflections, by conjugate
/// gradients. The preconditioner is the Poisson equation of a full grid of equal weights, by fast transforms.
class phase_solver {
 public:
  /// @param electrons [position] weight of each position; 0: nothing is known there
  /// @param high_pass cycles over the scan's longer side of which half remains; 0: none
  phase_solver(const std::vector<double>& electrons, const scan_shape& scan, scan_edges edges, double high_pass);

  /// The phase: mean 0 over part(), and 0 elsewhere. @param tolerance of the residual, relative to that of a phase of 0
  [[nodiscard]] std::vector<double> solve(const deflection& maps, double tolerance);

  /// 1 where the phase is known: the largest set of positions that links connect.
  [[nodiscard]] const std::vector<std::uint8_t>& part() const { return part_; }
  /// The full grid of the preconditioner; not smaller than the scan.
  [[nodiscard]] poisson_grid& grid() { return grid_; }
  /// Steps of the last solve().
  [[nodiscard]] int steps() const { return steps_; }

 private:
  void multiply(const std::vector<double>& map, std::vector<double>& product) const;
  void precondition(const std::vector<double>& residual, std::vector<double>& step);
  void remove_mean(std::vector<double>& map) const;

  scan_shape scan_;
  phase_links links_;
  std::vector<std::uint8_t> part_;
  std::vector<double> added_;  ///< [position] to the diagonal, by the high-pass
  poisson_grid grid_;
  std::vector<double> padded_;
  int steps_ = 0;
};

/// The high-pass as a number added to the Laplacian: the square of the phase advance per position of its frequency.
[[nodiscard]] double high_pass_term(double cycles, const scan_shape& scan);

}  // namespace countem::engine
