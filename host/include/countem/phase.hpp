#pragma once

#include <vector>

#include <countem/deflection.hpp>
#include <countem/phase_options.hpp>
#include <countem/types.hpp>

namespace countem {

/// Differential phase contrast, integrated.
struct integrated_phase {
  std::vector<double> phase;  ///< [position]; NaN where nothing is known, mean 0 over the others
  std::vector<double> error;  ///< [position] standard error; NaN where it is unknown
  double typical_error = 0;   ///< root of the mean squared standard error; NaN where none is known
  double single_error = 0;    ///< standard deviation of one electron's deflection, detector pixels; NaN where it is unknown
};

/// Standard deviation of one electron's place, per axis, from the curl of the deflections around each four neighbouring
/// positions with electrons: a phase has none, so all of it is noise. NaN without four such positions.
/// @param maps deflections in scan axes
/// @param electrons [position] number of electrons; 0: none
/// @param scan shape of the maps
/// @throws invalid_argument when the maps are not of the scan's size.
[[nodiscard]] double single_electron_error(const deflection& maps, const std::vector<double>& electrons,
                                           const scan_shape& scan);

/// The map whose rise between neighbouring positions is the integral of the deflections, in the sense of least squares weighted
/// by electrons: differential phase contrast, integrated (10.1016/j.ultramic.2015.10.011). Units are detector pixels times scan
/// steps; phase_scale::radians() makes them radians. Along every row and column of the scan a cubic spline through the
/// deflections is integrated from each position with electrons to the next one, whatever lies between. A constant deflection
/// gives a ramp, except with periodic edges, which cannot hold one. Positions that no such steps connect to the largest
/// connected set are NaN. The standard error follows from single_electron_error() by the same integration.
/// @param maps deflections in scan axes, finite where there are electrons
/// @param electrons [position] number of electrons, the weight; 0: the position is left out
/// @param scan shape of the maps
/// @param edges what lies beyond the edges
/// @param high_pass cycles over the scan's longer side of which half remains; 0: all remain
/// @param with_errors whether standard errors are computed, which take about as long as the phase; else they are NaN
/// @throws invalid_argument when the maps are not of the scan's size, or the high-pass is negative or no number.
[[nodiscard]] integrated_phase integrate(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan,
                                         scan_edges edges = scan_edges::even, double high_pass = 0, bool with_errors = true);

}  // namespace countem
