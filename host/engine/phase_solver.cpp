#include "host/engine/phase_solver.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <countem/stop.hpp>

namespace countem::engine {

namespace {

/// More than any solvable scan needs: a guard against an endless loop.
constexpr int most_steps = 2000;

double product_of(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

double high_pass_term(double cycles, const scan_shape& scan) {
  const double advance = 2 * std::numbers::pi * cycles / std::max(scan.height, scan.width);
  return advance * advance;
}

phase_solver::phase_solver(const std::vector<double>& electrons, const scan_shape& scan, scan_edges edges, double high_pass)
    : scan_(scan),
      links_(make_links(electrons, scan, edges)),
      part_(largest_part(electrons, links_)),
      grid_(fast_length(scan.height), fast_length(scan.width), edges, high_pass_term(high_pass, scan)) {
  added_.resize(electrons.size());
  for (std::size_t p = 0; p < electrons.size(); ++p) {
    if (part_[p] != 0) added_[p] = grid_.added() * electrons[p];
  }
}

std::vector<double> phase_solver::solve(const deflection& maps, double tolerance) {
  const std::size_t positions = part_.size();
  const phase_rises rises = integrate_links(maps, links_, scan_);
  std::vector<double> residual(positions);
  const auto add = [&](const scan_links& way, const std::vector<double>& rise) {
    for (std::size_t p = 0; p < positions; ++p) {
      if (part_[p] == 0) continue;
      residual[way.next[p]] += way.weight[p] * rise[p];
      residual[p] -= way.weight[p] * rise[p];
    }
  };
  add(links_.down, rises.down);
  add(links_.right, rises.right);

  std::vector<double> phase(positions);
  std::vector<double> step(positions);
  std::vector<double> product(positions);
  precondition(residual, step);
  std::vector<double> direction = step;
  double size = product_of(residual, step);
  const double small = size * tolerance * tolerance;
  for (steps_ = 0; size > small && steps_ < most_steps; ++steps_) {
    check_stop();
    multiply(direction, product);
    const double length = product_of(direction, product);
    if (!(length > 0)) break;
    const double far = size / length;
    for (std::size_t p = 0; p < positions; ++p) phase[p] += far * direction[p];
    for (std::size_t p = 0; p < positions; ++p) residual[p] -= far * product[p];
    precondition(residual, step);
    const double left = product_of(residual, step);
    for (std::size_t p = 0; p < positions; ++p) direction[p] = step[p] + left / size * direction[p];
    size = left;
  }
  remove_mean(phase);
  return phase;
}

void phase_solver::multiply(const std::vector<double>& map, std::vector<double>& product) const {
  for (std::size_t p = 0; p < map.size(); ++p) product[p] = added_[p] * map[p];
  for (const scan_links* way : {&links_.down, &links_.right}) {
    for (std::size_t p = 0; p < map.size(); ++p) {
      const std::size_t q = way->next[p];
      const double flow = way->weight[p] * (map[p] - map[q]);
      product[p] += flow;
      product[q] -= flow;
    }
  }
}

void phase_solver::precondition(const std::vector<double>& residual, std::vector<double>& step) {
  const std::size_t wide = grid_.width();
  padded_.assign(grid_.height() * wide, 0);
  for (std::size_t r = 0; r < scan_.height; ++r) {
    for (std::size_t c = 0; c < scan_.width; ++c) padded_[r * wide + c] = residual[r * scan_.width + c];
  }
  grid_.solve(padded_);
  for (std::size_t r = 0; r < scan_.height; ++r) {
    for (std::size_t c = 0; c < scan_.width; ++c) {
      const std::size_t p = r * scan_.width + c;
      step[p] = part_[p] != 0 ? padded_[r * wide + c] : 0;
    }
  }
}

void phase_solver::remove_mean(std::vector<double>& map) const {
  double sum = 0;
  double number = 0;
  for (std::size_t p = 0; p < map.size(); ++p) {
    sum += map[p];
    number += part_[p];
  }
  if (number == 0) return;
  for (std::size_t p = 0; p < map.size(); ++p) {
    if (part_[p] != 0) map[p] -= sum / number;
  }
}

}  // namespace countem::engine
