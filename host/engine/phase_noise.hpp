#pragma once

#include <optional>
#include <vector>

#include <countem/deflection.hpp>
#include <countem/types.hpp>

#include "host/engine/phase_solver.hpp"

namespace countem::engine {

/// Standard error of each position's phase, NaN where it is unknown, for deflections whose components have the variance
/// `variance` / electrons. Some seeded fields of random signs with these variances are integrated as the deflections are; the
/// same signs on a full grid of equal weights, whose variance is known, show how far chance took them. @param electrons
/// [position]
[[nodiscard]] std::vector<double> phase_errors(phase_solver& solver, const std::vector<double>& electrons,
                                               const scan_shape& scan, double variance);

}  // namespace countem::engine
