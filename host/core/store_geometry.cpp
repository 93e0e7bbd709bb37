#include <countem/store_geometry.hpp>

#include <cmath>

#include <countem/error.hpp>

namespace countem {

void validate(const store_geometry& geometry) {
  for (const axis_scale& axis : {geometry.row, geometry.column, geometry.scan_row, geometry.scan_column}) {
    if (!std::isfinite(axis.first) || !std::isfinite(axis.step) || !(axis.step > 0))
      throw invalid_argument("an axis needs a first coordinate that is a number and a step above 0");
  }
  if (geometry.row.step != geometry.column.step)
    throw invalid_argument("rows and columns of the detector need one step, not " + std::to_string(geometry.row.step) +
                           " and " + std::to_string(geometry.column.step));
  for (const double unit : {geometry.pixel_mrad, geometry.scan_step_nm}) {
    if (!std::isfinite(unit) || unit < 0) throw invalid_argument("mrad of a pixel and nm of a step of the scan are at least 0");
  }
}

}  // namespace countem
