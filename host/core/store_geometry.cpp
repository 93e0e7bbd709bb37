#include <countem/store_geometry.hpp>

#include <cmath>

#include <countem/error.hpp>

namespace countem {

store_geometry with_lengths(store_geometry geometry, const axis_lengths& stated, double given_pixel_mrad,
                            double given_scan_step_nm) {
  const bool angle_given = given_pixel_mrad > 0;
  const bool step_given = given_scan_step_nm > 0;
  geometry.pixel_mrad = angle_given ? given_pixel_mrad : stated.pixel_mrad;
  geometry.detector_origin_mrad = angle_given ? plane_origin{} : stated.detector_origin_mrad;
  geometry.scan_step_nm = step_given ? given_scan_step_nm : stated.scan_step_nm;
  geometry.scan_origin_nm = step_given ? plane_origin{} : stated.scan_origin_nm;
  return geometry;
}

void validate(const store_geometry& geometry) {
  for (const axis_scale& axis : {geometry.row, geometry.column, geometry.scan_row, geometry.scan_column}) {
    if (!std::isfinite(axis.first) || !std::isfinite(axis.step) || !(axis.step > 0))
      throw invalid_argument("an axis needs a first coordinate that is a number and a step above 0");
  }
  if (geometry.row.step != geometry.column.step)
    throw invalid_argument("rows and columns of the detector need one step, not " + std::to_string(geometry.row.step) +
                           " and " + std::to_string(geometry.column.step));
  for (const plane_origin& origin : {geometry.detector_origin_mrad, geometry.scan_origin_nm}) {
    if (!std::isfinite(origin.row) || !std::isfinite(origin.column))
      throw invalid_argument("where the axes begin needs a number of mrad and of nm");
  }
  for (const double unit : {geometry.pixel_mrad, geometry.scan_step_nm}) {
    if (!std::isfinite(unit) || unit < 0) throw invalid_argument("mrad of a pixel and nm of a step of the scan are at least 0");
  }
}

}  // namespace countem
