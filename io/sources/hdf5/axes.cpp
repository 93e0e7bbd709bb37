#include "io/sources/hdf5/axes.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/dm5.hpp"

namespace countem::io {

namespace {

bool is_text(hid_t object, const std::string& attribute) {
  if (!has_attribute(object, attribute)) return false;
  const hdf5_handle opened(H5Aopen(object, attribute.c_str(), H5P_DEFAULT), attribute);
  const hdf5_handle type(H5Aget_type(opened), attribute);
  return H5Tget_class(type) == H5T_STRING;
}

/// hyperspy writes EMD files of version 0.1 under /signals, with version numbers that are text.
bool is_of_hyperspy(hid_t file, const std::string& path) {
  const std::string group = path.substr(0, path.find_last_of('/'));
  if (!path.starts_with("/signals/") || !path.ends_with("/data") || object_type(file, group) != H5O_TYPE_GROUP) return false;
  return is_text(file, "version_major") || has_attribute(open_group(file, group), "signal_type");
}

/// The file may state which of scan and detector comes first; the usual order where it does not, with its writer, so that this
/// is known to be no more than the custom.
frame_axes four_axes_of_dm5(hid_t file, const std::string& path) {
  constexpr const char* writer = "Digital Micrograph";
  const std::optional<bool> swapped = dm5_order_swapped(file, path);
  if (swapped && !*swapped) return image_first_axes(4, writer);
  frame_axes axes = usual_axes(4);
  if (!swapped) axes.writer = writer;
  return axes;
}

}  // namespace

void turn_frames(const frame_axes& axes, const std::vector<hsize_t>& extent, std::size_t element_bytes, const std::byte* from,
                 std::byte* to) {
  const std::vector<std::uint64_t> step = steps_of(extent);
  // Targets one behind the other: a frame of the fastest axis of the scan, its rows, its columns.
  const std::uint64_t columns = extent[axes.column];
  const std::uint64_t pixels = extent[axes.row] * columns;
  std::vector<copied_axis> copied;
  if (!axes.scan.empty()) copied.push_back({extent[axes.scan.back()], step[axes.scan.back()], pixels});
  copied.push_back({extent[axes.row], step[axes.row], columns});
  copied.push_back({columns, step[axes.column], 1});
  copy_elements(copied, element_bytes, from, to);
}

bool is_velox(hid_t file) {
  if (object_type(file, "Version") != H5O_TYPE_DATASET) return false;
  const hdf5_handle dataset = open_dataset(file, "Version");
  const hdf5_handle type(H5Dget_type(dataset), "Version");
  const hdf5_handle space(H5Dget_space(dataset), "Version");
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return false;
  constexpr std::size_t longest = 4096;
  if (H5Tis_variable_str(type) > 0) {
    const hdf5_handle memory(H5Tcopy(H5T_C_S1), "Version");
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    char* text = nullptr;
    if (H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<void*>(&text)) < 0 || text == nullptr) return false;
    const bool found = std::string_view(text).find("Velox") != std::string_view::npos;
    H5free_memory(text);
    return found;
  }
  if (H5Tget_size(type) > longest) return false;
  std::vector<char> text(H5Tget_size(type));
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) < 0) return false;
  return std::string_view(text.data(), text.size()).find("Velox") != std::string_view::npos;
}

frame_axes axes_of(hid_t file, const std::string& path, hid_t dataset, std::size_t rank) {
  if (is_dm5_image(path)) return rank == 4 ? four_axes_of_dm5(file, path) : usual_axes(rank);
  if (rank == 3 && path.starts_with("/Data/Image/") && is_velox(file)) return image_first_axes(rank, "Velox");
  if (is_of_hyperspy(file, path)) {
    frame_axes axes = reversed_axes(usual_axes(rank));
    axes.writer = "hyperspy";
    return axes;
  }
  if (rank == 3 && path.ends_with("/realslice")) return image_first_axes(rank, "Prismatic");
  if (has_attribute(dataset, "MATLAB_class")) return reversed_axes(image_first_axes(rank, "MATLAB"));
  return usual_axes(rank);
}

void check_signal_axes(hid_t file, const std::string& path, std::size_t rank, const std::string& what) {
  std::size_t of_signal = 0;
  for (std::size_t number = 0; number < rank; ++number) {
    const std::string axis = fmt::format("{}/axis-{}", path.substr(0, path.find_last_of('/')), number);
    if (object_type(file, axis) != H5O_TYPE_GROUP) return;
    const hdf5_handle group = open_group(file, axis);
    const std::optional<std::int64_t> navigates = find_number_attribute(group, "navigate");
    if (!navigates) return;
    if (*navigates == 0) ++of_signal;
  }
  if (of_signal == 2) return;
  throw format_error(
      fmt::format("{}: is a signal of hyperspy with {} signal {} and {} that navigate, and frames have two: name its axes if "
                  "frames are meant",
                  what, of_signal, of_signal == 1 ? "axis" : "axes", rank - of_signal));
}

}  // namespace countem::io
