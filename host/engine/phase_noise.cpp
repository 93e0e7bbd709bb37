#include "host/engine/phase_noise.hpp"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>

namespace countem::engine {

namespace {

/// Fewer for scans that take long.
std::size_t fields_for(std::size_t positions) {
  constexpr std::size_t most = 32;
  constexpr std::size_t least = 8;
  constexpr std::size_t all = std::size_t{most} << 16U;
  return std::clamp(all / positions, least, most);
}

constexpr double tolerance = 0.1;  // conjugate gradients lose its square of the variance

/// +1 or -1 with equal chance; the same on every machine (splitmix64, 10.1145/2714064.2660195).
class random_signs {
 public:
  double operator()() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t bits = state_;
    bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
    return ((bits ^ (bits >> 31U)) & 1U) != 0 ? 1 : -1;
  }

 private:
  std::uint64_t state_ = 1;
};

/// The map on the corner of a larger grid that the scan covers.
std::vector<double> corner_of(const std::vector<double>& map, const scan_shape& scan, std::size_t width) {
  std::vector<double> corner;
  for (std::size_t r = 0; r < scan.height; ++r) {
    corner.insert(corner.end(), map.begin() + static_cast<std::ptrdiff_t>(r * width),
                  map.begin() + static_cast<std::ptrdiff_t>(r * width + scan.width));
  }
  return corner;
}

/// What a full grid's equations of equal weights have on their right side: differences of the means of neighbours.
std::vector<double> full_grid_flow(const deflection& field, const poisson_grid& grid) {
  const std::size_t height = grid.height();
  const std::size_t width = grid.width();
  const bool periodic = grid.edges() == scan_edges::periodic;
  std::vector<double> flow(height * width);
  const auto link = [&](std::size_t from, std::size_t to, const std::vector<double>& map) {
    const double rise = (map[from] + map[to]) / 2;
    flow[from] -= rise;
    flow[to] += rise;
  };
  for (std::size_t r = 0; r < height; ++r) {
    for (std::size_t c = 0; c < width; ++c) {
      const std::size_t p = r * width + c;
      if (r + 1 < height || (periodic && height > 1)) link(p, (r + 1) % height * width + c, field.row);
      if (c + 1 < width || (periodic && width > 1)) link(p, r * width + (c + 1) % width, field.column);
    }
  }
  return flow;
}

/// The squares of an axis' orthonormal coefficients' shapes, [index * length + position].
std::vector<double> squared_shapes(std::size_t length, scan_edges edges) {
  const auto n = static_cast<double>(length);
  std::vector<double> squares(length * length, 1 / n);
  if (edges == scan_edges::periodic) return squares;
  for (std::size_t k = 1; k < length; ++k) {
    for (std::size_t i = 0; i < length; ++i) {
      // 2 cos^2 is 1 + cos of the double angle.
      squares[k * length + i] = (1 + std::cos(phase_advance(k, length, edges) * (2 * static_cast<double>(i) + 1))) / n;
    }
  }
  return squares;
}

/// Variance of the full grid's phase for deflections of variance 1: coefficient (k, l) has
/// (sin^2 a_k + sin^2 a_l) / (eigenvalue_k + eigenvalue_l + added)^2, a being the phase advance per position.
std::vector<double> full_grid_variance(const poisson_grid& grid) {
  const std::size_t height = grid.height();
  const std::size_t width = grid.width();
  const std::vector<double> down = squared_shapes(height, grid.edges());
  const std::vector<double> right = squared_shapes(width, grid.edges());
  std::vector<double> half(height * width);  // [k, column]
  tbb::parallel_for(std::size_t{0}, height, [&](std::size_t k) {
    const double sine_k = std::sin(phase_advance(k, height, grid.edges()));
    for (std::size_t l = 0; l < width; ++l) {
      const double sine_l = std::sin(phase_advance(l, width, grid.edges()));
      const double eigenvalue =
          laplacian_eigenvalue(k, height, grid.edges()) + laplacian_eigenvalue(l, width, grid.edges()) + grid.added();
      if (k + l == 0 || !(eigenvalue > 0)) continue;
      const double variance = (sine_k * sine_k + sine_l * sine_l) / (eigenvalue * eigenvalue);
      for (std::size_t c = 0; c < width; ++c) half[k * width + c] += variance * right[l * width + c];
    }
  });
  std::vector<double> map(height * width);
  tbb::parallel_for(std::size_t{0}, height, [&](std::size_t r) {
    for (std::size_t k = 0; k < height; ++k) {
      const double share = down[k * height + r];
      for (std::size_t c = 0; c < width; ++c) map[r * width + c] += share * half[k * width + c];
    }
  });
  return map;
}

/// Sums over the positions within `reach` along one axis.
void sum_around(std::vector<double>& map, std::size_t lines, std::size_t line_step, std::size_t length, std::size_t step,
                std::size_t reach) {
  std::vector<double> until(length + 1);
  for (std::size_t line = 0; line < lines; ++line) {
    for (std::size_t i = 0; i < length; ++i) until[i + 1] = until[i] + map[line * line_step + i * step];
    for (std::size_t i = 0; i < length; ++i) {
      map[line * line_step + i * step] = until[std::min(i + reach + 1, length)] - until[i < reach ? 0 : i - reach];
    }
  }
}

void sum_around(std::vector<double>& map, const scan_shape& scan) {
  constexpr std::size_t least_reach = 4;
  sum_around(map, scan.height, scan.width, scan.width, 1, std::max<std::size_t>(scan.width / 4, least_reach));
  sum_around(map, scan.width, 1, scan.height, scan.width, std::max<std::size_t>(scan.height / 4, least_reach));
}

/// Squares of the random fields' phases: of what the solver gives, and of what a full grid of equal weights gives.
struct field_scatter {
  std::vector<double> solved;         ///< [position], summed over fields
  std::vector<double> full;           ///< [position], summed over fields
  std::vector<double> solved_totals;  ///< [field], summed over positions
  std::vector<double> full_totals;    ///< [field], summed over positions
};

field_scatter scatter_of_fields(phase_solver& solver, const std::vector<double>& electrons, const scan_shape& scan) {
  poisson_grid& grid = solver.grid();
  field_scatter sums{std::vector<double>(electrons.size()), std::vector<double>(electrons.size()), {}, {}};
  random_signs sign;
  const std::size_t fields = fields_for(electrons.size());
  for (std::size_t field = 0; field < fields; ++field) {
    deflection signs;
    for (std::vector<double>* map : {&signs.row, &signs.column}) {
      map->resize(grid.height() * grid.width());
      std::ranges::generate(*map, std::ref(sign));
    }
    std::vector<double> full = full_grid_flow(signs, grid);
    grid.solve(full);
    full = corner_of(full, scan, grid.width());
    deflection noise{corner_of(signs.row, scan, grid.width()), corner_of(signs.column, scan, grid.width())};
    for (std::size_t p = 0; p < electrons.size(); ++p) {
      if (solver.part()[p] == 0) continue;
      noise.row[p] /= std::sqrt(electrons[p]);
      noise.column[p] /= std::sqrt(electrons[p]);
    }
    const std::vector<double> solved = solver.solve(noise, tolerance);
    double& solved_total = sums.solved_totals.emplace_back(0);
    double& full_total = sums.full_totals.emplace_back(0);
    for (std::size_t p = 0; p < electrons.size(); ++p) {
      if (solver.part()[p] == 0) continue;
      sums.solved[p] += solved[p] * solved[p];
      sums.full[p] += full[p] * full[p];
      solved_total += solved[p] * solved[p];
      full_total += full[p] * full[p];
    }
  }
  return sums;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// The mean of `values` where that of `companions`, which scatter along with them, is known: regression (control variates).
double mean_given(const std::vector<double>& values, const std::vector<double>& companions, double known) {
  const double value = mean_of(values);
  const double companion = mean_of(companions);
  double together = 0;
  double alone = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    together += (values[i] - value) * (companions[i] - companion);
    alone += (companions[i] - companion) * (companions[i] - companion);
  }
  return alone > 0 ? value + together / alone * (known - companion) : value;
}

}  // namespace

std::vector<double> phase_errors(phase_solver& solver, const std::vector<double>& electrons, const scan_shape& scan,
                                 double variance) {
  std::vector<double> errors(electrons.size(), std::numeric_limits<double>::quiet_NaN());
  if (!std::isfinite(variance)) return errors;
  field_scatter sums = scatter_of_fields(solver, electrons, scan);
  sum_around(sums.solved, scan);
  sum_around(sums.full, scan);
  const std::vector<double> full = corner_of(full_grid_variance(solver.grid()), scan, solver.grid().width());
  double known = 0;
  double sum = 0;
  std::vector<double> shape(electrons.size());
  for (std::size_t p = 0; p < electrons.size(); ++p) {
    if (solver.part()[p] == 0 || !(sums.full[p] > 0)) continue;
    known += full[p];
    shape[p] = full[p] * sums.solved[p] / sums.full[p];
    sum += shape[p];
  }
  const double total = mean_given(sums.solved_totals, sums.full_totals, known);
  for (std::size_t p = 0; p < electrons.size(); ++p) {
    if (shape[p] > 0) errors[p] = std::sqrt(variance * shape[p] * total / sum);
  }
  return errors;
}

}  // namespace countem::engine
