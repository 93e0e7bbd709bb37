#pragma once

#include <vector>

#include <countem/phase_options.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/reductions.hpp>

namespace countem::engine {

/// [position] number of events of the centre of mass; with weights (sum w)^2 / sum w^2, the number of events of equal weight
/// with which the centre would scatter as much.
[[nodiscard]] std::vector<double> electrons_of(const reduction_result& result);

/// [position] covariance of the place of one event, of a plan with second moments or errors; NaN below two events. With weights
/// (sum w r c / sum w - R C) n / (n - 1), (R, C) being the centre of mass and n electrons_of().
[[nodiscard]] std::vector<place_covariance> scatter_of_events(const reduction_result& result);

/// [position] covariance of the centre of mass, of a plan with errors: scatter_of_events() / n; NaN below two events. With
/// weights sum(w^2 (r - R)(c - C)) / (sum w)^2 * n / (n - 1), the variance of a ratio of sums to first order.
[[nodiscard]] std::vector<place_covariance> scatter_of_centres(const reduction_result& result);

/// The covariance in scan axes.
[[nodiscard]] place_covariance turned(const place_covariance& covariance, const scan_rotation& rotation);

}  // namespace countem::engine
