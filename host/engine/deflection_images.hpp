#pragma once

#include <string>
#include <vector>

#include <countem/deflection.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/result_images.hpp>
#include <countem/saved_image.hpp>
#include <countem/types.hpp>

namespace countem::engine {

/// The centres of mass of a plan, in its axes and from its origin.
struct scan_deflections {
  deflection maps;                          ///< NaN where there are no electrons
  deflection from_mean;                     ///< what a phase is integrated from
  std::vector<double> electrons;            ///< [position]
  std::vector<place_covariance> scatter;    ///< [position] of one electron, where the plan asks for it; in the same axes
  std::vector<place_covariance> error;      ///< [position] of the centre of mass, where the plan asks for errors
  std::string meaning;                      ///< follows "row" or "column"
  std::vector<image_attribute> attributes;  ///< of the rotation
};

/// `result` is in cells of the grid, `plan` and `centre` in detector pixels.
[[nodiscard]] scan_deflections deflections_of(const reduction_result& result, const reduction_plan& plan,
                                              const store_geometry& geometry, detector_point centre, const scan_shape& scan);

/// com_row and com_column; com_row_error and com_column_error; variance_row, variance_column and covariance.
[[nodiscard]] std::vector<saved_image> deflection_images(const scan_deflections& deflected, const scan_shape& scan);

/// phase and phase_error. `scan_step`: of two neighbouring values, in positions of the scan as it was recorded.
[[nodiscard]] std::vector<saved_image> phase_images(const scan_deflections& deflected, const deflection_options& options,
                                                    const scan_shape& scan, double scan_step, image_detail detail);

}  // namespace countem::engine
