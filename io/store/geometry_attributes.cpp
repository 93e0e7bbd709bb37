#include "io/store/geometry_attributes.hpp"

#include <cstdint>
#include <string>

#include "io/hdf5/attribute.hpp"
#include "io/store/choice_attribute.hpp"

namespace countem::io {

namespace {

void write_axis(hid_t object, const std::string& name, const axis_scale& scale) {
  write_attribute(object, name + "_first", scale.first);
  write_attribute(object, name + "_step", scale.step);
}

axis_scale read_axis(hid_t object, const std::string& name) {
  return {read_number_attribute<double>(object, name + "_first"), read_number_attribute<double>(object, name + "_step")};
}

/// Where none is stated there is no attribute.
void write_origin(hid_t object, const std::string& name, const plane_origin& origin, const std::string& units) {
  if (origin == plane_origin{}) return;
  write_attribute(object, name + "row_origin_" + units, origin.row);
  write_attribute(object, name + "column_origin_" + units, origin.column);
}

plane_origin read_origin(hid_t object, const std::string& name, const std::string& units) {
  if (!has_attribute(object, name + "row_origin_" + units)) return {};
  return {read_number_attribute<double>(object, name + "row_origin_" + units),
          read_number_attribute<double>(object, name + "column_origin_" + units)};
}

}  // namespace

void write_geometry(hid_t object, const store_geometry& geometry) {
  write_axis(object, "row", geometry.row);
  write_axis(object, "column", geometry.column);
  write_axis(object, "scan_row", geometry.scan_row);
  write_axis(object, "scan_column", geometry.scan_column);
  write_attribute(object, "detector_height", std::int64_t{geometry.detector.height});
  write_attribute(object, "detector_width", std::int64_t{geometry.detector.width});
  write_choice(object, "sector_split", geometry.split);
  write_attribute(object, "pixel_mrad", geometry.pixel_mrad);
  write_attribute(object, "scan_step_nm", geometry.scan_step_nm);
  write_origin(object, "", geometry.detector_origin_mrad, "mrad");
  write_origin(object, "scan_", geometry.scan_origin_nm, "nm");
}

bool has_geometry(hid_t object) {
  return has_attribute(object, "row_first");
}

store_geometry read_geometry(hid_t object) {
  store_geometry geometry;
  geometry.row = read_axis(object, "row");
  geometry.column = read_axis(object, "column");
  geometry.scan_row = read_axis(object, "scan_row");
  geometry.scan_column = read_axis(object, "scan_column");
  geometry.detector = {read_number_attribute<std::uint32_t>(object, "detector_height"),
                       read_number_attribute<std::uint32_t>(object, "detector_width")};
  geometry.split = read_choice<sector_split>(object, "sector_split");
  geometry.pixel_mrad = read_number_attribute<double>(object, "pixel_mrad");
  geometry.scan_step_nm = read_number_attribute<double>(object, "scan_step_nm");
  geometry.detector_origin_mrad = read_origin(object, "", "mrad");
  geometry.scan_origin_nm = read_origin(object, "scan_", "nm");
  return geometry;
}

}  // namespace countem::io
