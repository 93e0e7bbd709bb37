#include "io/store/labelled_axes.hpp"

#include <algorithm>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/store/layout.hpp"

namespace countem::io {

namespace {

void write_text_list(hid_t object, const std::string& name, const std::vector<std::string>& texts) {
  const hdf5_handle type(H5Tcopy(H5T_C_S1), "string type");
  hdf5_check(H5Tset_size(type, H5T_VARIABLE), "string type");
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8), "string type");
  const hsize_t count = texts.size();
  const hdf5_handle space(H5Screate_simple(1, &count, nullptr), "attribute " + name);
  const hdf5_handle attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), "attribute " + name);
  std::vector<const char*> pointers(texts.size());
  std::transform(texts.begin(), texts.end(), pointers.begin(), [](const std::string& text) { return text.c_str(); });
  hdf5_check(H5Awrite(attribute, type, pointers.data()), "attribute " + name);
}

/// What an axis of the dataset is labelled with.
struct labelled_axis {
  axis_scale scale;
  double units = 1;  ///< in one pixel or position
  std::string name_of_units;
  double origin = 0;  ///< in these units
};

/// As many as layout::axis_names().
std::vector<labelled_axis> labelled_axes(const store_description& description) {
  const store_geometry& geometry = description.geometry;
  const auto labelled = [](const axis_scale& scale, double units, double origin, const char* name) {
    return units > 0 ? labelled_axis{scale, units, name, origin} : labelled_axis{scale, 1, "pixels"};
  };
  const plane_origin& scan = geometry.scan_origin_nm;
  const plane_origin& detector = geometry.detector_origin_mrad;
  std::vector<labelled_axis> axes{labelled(geometry.scan_row, geometry.scan_step_nm, scan.row, "nm"),
                                  labelled(geometry.scan_column, geometry.scan_step_nm, scan.column, "nm")};
  if (description.scan.frames_per_position > 1) axes.push_back({{}, 1, ""});
  axes.push_back(labelled(geometry.row, geometry.pixel_mrad, detector.row, "mrad"));
  axes.push_back(labelled(geometry.column, geometry.pixel_mrad, detector.column, "mrad"));
  return axes;
}

}  // namespace

void add_link(hid_t file, const std::string& target, const std::string& name) {
  hdf5_check(H5Lcreate_hard(file, target.c_str(), file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT), "link " + name);
}

void write_axes(hid_t file, const store_description& description, const std::vector<std::string>& paths) {
  const std::vector<hsize_t> extent = layout::data_extent(description);
  const std::vector<std::string> names = layout::axis_names(description.scan);
  const std::vector<labelled_axis> axes = labelled_axes(description);
  for (std::size_t axis = 0; axis < extent.size(); ++axis) {
    std::vector<double> coordinates(static_cast<std::size_t>(extent[axis]));
    for (std::size_t i = 0; i < coordinates.size(); ++i)
      coordinates[i] = axes[axis].origin + axes[axis].scale.at(static_cast<double>(i)) * axes[axis].units;
    write_dataset(file, paths[axis], {extent[axis]}, coordinates.data());
    const hdf5_handle made = open_dataset(file, paths[axis]);
    write_attribute(made, "name", names[axis]);
    write_attribute(made, "units", axes[axis].name_of_units);
  }
}

void link_plot(hid_t file, const store_description& description, const std::string& data,
               const std::vector<std::string>& axis_paths) {
  const std::vector<std::string> names = layout::axis_names(description.scan);
  write_attribute(file, "default", "entry");
  const hdf5_handle entry = make_group(file, "/entry");
  write_attribute(entry, "NX_class", "NXentry");
  write_attribute(entry, "default", "data");
  const hdf5_handle plot = make_group(file, "/entry/data");
  write_attribute(plot, "NX_class", "NXdata");
  write_attribute(plot, "signal", "data");
  write_attribute(plot, "interpretation", "image");  // hyperspy reads it here, others at the data
  write_text_list(plot, "axes", names);
  add_link(file, data, "/entry/data/data");
  for (std::size_t axis = 0; axis < names.size(); ++axis) add_link(file, axis_paths[axis], "/entry/data/" + names[axis]);
}

}  // namespace countem::io
