#pragma once

#include <vector>

#include <countem/deflection.hpp>
#include <countem/phase_options.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/scan_rotation.hpp>

namespace countem::cli::report {

/// How the axes of the page's centres of mass lie to the detector's.
struct shown_axes {
  found_rotation found;        ///< what the curl of all positions shows, whether it is used or not
  scan_rotation rotation;      ///< from detector axes to those of the page
  bool is_turned = false;      ///< into scan axes by `rotation`; else they are the detector's
  bool is_given = false;       ///< `rotation` was given, not found
  bool flip_is_given = false;  ///< whether the detector is flipped was given
};

/// Centres of mass, in cells of the store's grid.
struct centre_content {
  deflection maps;       ///< [cell] from their mean, weighted by electrons; NaN where there are none
  deflection errors;     ///< [cell] standard errors; NaN below two electrons
  scan_plane row_plane;  ///< of the maps, weighted by electrons, over cells: the descan
  scan_plane column_plane;
  shown_axes axes;
};

/// @param result of a plan with centres of mass and errors, in cells of the grid
/// @param used [position] finite where the centre of mass is one of everything that it should be made of
/// @param axes what turns them: an angle and a flip, or that they are to be found
[[nodiscard]] centre_content centres_of(const reduction_result& result, const std::vector<double>& used,
                                        const deflection_options& axes, const scan_shape& scan, frame_shape shape,
                                        std::uint32_t stride);

}  // namespace countem::cli::report
