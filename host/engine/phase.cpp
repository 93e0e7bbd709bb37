// Deflections to a phase, its scale and its noise.
#include <countem/phase.hpp>

#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include <countem/error.hpp>

#include "host/engine/phase_noise.hpp"
#include "host/engine/phase_solver.hpp"
#include "host/engine/unknown.hpp"

namespace countem {

namespace {

constexpr double tolerance = 1e-6;
void require_scan(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan) {
  const std::size_t positions = std::size_t{scan.height} * scan.width;
  if (positions == 0 || maps.row.size() != positions || maps.column.size() != positions || electrons.size() != positions)
    throw invalid_argument("the centres of mass to be integrated do not fill the scan");
}

void require_positive(double value, const char* what) {
  if (!(value > 0) || !std::isfinite(value))
    throw invalid_argument(std::string(what) + " must be above 0, " + std::to_string(value) + " was given");
}

double mean_of_squares(const std::vector<double>& values) {
  double sum = 0;
  double number = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value * value;
    ++number;
  }
  return number == 0 ? engine::unknown : sum / number;
}

}  // namespace

bool phase_scale::is_given() const {
  return *this != phase_scale{};
}

double phase_scale::radians() const {
  require_positive(step_nm, "a phase in radians needs the step of the scan: it");
  if ((pixel_mrad != 0) == (pixel_per_nm != 0))
    throw invalid_argument(
        "a phase in radians needs the size of a detector pixel either as an angle or as a reciprocal length");
  double per_nm = pixel_per_nm;
  if (pixel_mrad != 0) {
    require_positive(pixel_mrad, "the angle of a detector pixel");
    if (voltage_kv == 0)
      throw invalid_argument("a phase in radians needs the acceleration voltage where detector pixels are given as an angle");
    per_nm = pixel_mrad * 1e-3 / electron_wavelength_nm(voltage_kv);
  }
  require_positive(per_nm, "the reciprocal length of a detector pixel");
  return 2 * std::numbers::pi * per_nm * step_nm;
}

double single_electron_error(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan) {
  require_scan(maps, electrons, scan);
  double sum = 0;
  double cells = 0;
  for (std::size_t r = 0; r + 1 < scan.height; ++r) {
    for (std::size_t c = 0; c + 1 < scan.width; ++c) {
      const std::size_t a = r * scan.width + c;
      const std::size_t b = a + 1;
      const std::size_t d = a + scan.width;
      const std::size_t e = d + 1;
      if (!(electrons[a] > 0 && electrons[b] > 0 && electrons[d] > 0 && electrons[e] > 0)) continue;
      const double around = maps.column[a] + maps.column[b] - maps.column[d] - maps.column[e] + maps.row[b] + maps.row[e] -
                            maps.row[a] - maps.row[d];
      const double variance = 2 * (1 / electrons[a] + 1 / electrons[b] + 1 / electrons[d] + 1 / electrons[e]);
      sum += around * around / variance;
      ++cells;
    }
  }
  return cells == 0 ? engine::unknown : std::sqrt(sum / cells);
}

integrated_phase integrate(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan,
                           scan_edges edges, double high_pass, bool with_errors) {
  require_scan(maps, electrons, scan);
  if (!(high_pass >= 0) || !std::isfinite(high_pass))
    throw invalid_argument("the high-pass of a phase must not be negative, " + std::to_string(high_pass) + " was given");
  engine::phase_solver solver(electrons, scan, edges, high_pass);
  integrated_phase integrated;
  integrated.phase = solver.solve(maps, tolerance);
  for (std::size_t p = 0; p < integrated.phase.size(); ++p) {
    if (solver.part()[p] == 0) integrated.phase[p] = engine::unknown;
  }
  integrated.single_error = single_electron_error(maps, electrons, scan);
  const double variance = with_errors ? integrated.single_error * integrated.single_error : engine::unknown;
  integrated.error = engine::phase_errors(solver, electrons, scan, variance);
  integrated.typical_error = std::sqrt(mean_of_squares(integrated.error));
  return integrated;
}

}  // namespace countem
