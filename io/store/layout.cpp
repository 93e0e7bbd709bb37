#include "io/store/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include <countem/error.hpp>
#include <countem/version.hpp>

#include "io/files/npy_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/store/calibration_group.hpp"
#include "io/store/choice_attribute.hpp"
#include "io/store/chunk_footer.hpp"
#include "io/store/geometry_attributes.hpp"
#include "io/store/labelled_axes.hpp"
#include "io/store/scan.hpp"

namespace countem::io::layout {

namespace {

hdf5_handle dataset_properties(const char* path) {
  hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), path);
  hdf5_check(H5Pset_obj_track_times(creation, false), path);  // the same contents, the same bytes
  return creation;
}

void create_data(hid_t file, const store_description& description, bool wide_counts,
                 std::span<const frames_elsewhere> elsewhere) {
  const std::vector<hsize_t> extent = data_extent(description);
  const std::vector<hsize_t> chunk = chunk_extent(description);
  const int rank = static_cast<int>(extent.size());
  const hdf5_handle space(H5Screate_simple(rank, extent.data(), nullptr), data);
  const hdf5_handle creation = dataset_properties(data);
  if (elsewhere.empty()) {
    hdf5_check(H5Pset_chunk(creation, rank, chunk.data()), data);
    hdf5_check(H5Pset_deflate(creation, 1), data);
  } else {
    lead_elsewhere(creation, description, elsewhere);
  }
  const std::uint16_t empty = 0;
  hdf5_check(H5Pset_fill_value(creation, H5T_NATIVE_UINT16, &empty), data);
  hdf5_check(H5Pset_fill_time(creation, H5D_FILL_TIME_IFSET), data);
  const hdf5_handle made(
      H5Dcreate2(file, data, wide_counts ? H5T_STD_U16LE : H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), data);
  write_attribute(made, "units", "electrons");
  write_attribute(made, "interpretation", "image");  // NeXus: the last two axes are a picture, the others number it
}

/// A contiguous dataset with one number per frame, all there from the start.
template <class T>
void create_per_frame(hid_t file, const char* path, std::uint64_t frames, T fill) {
  const std::string what = place_of(file, path);
  const hsize_t count = frames;
  const hdf5_handle space(H5Screate_simple(1, &count, nullptr), what);
  const hdf5_handle creation = dataset_properties(path);
  hdf5_check(H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY), what);
  hdf5_check(H5Pset_fill_value(creation, hdf5_type<T>(), &fill), what);
  hdf5_check(H5Pset_fill_time(creation, H5D_FILL_TIME_IFSET), what);
  hdf5_handle made(H5Dcreate2(file, path, hdf5_type<T>(), space, H5P_DEFAULT, creation, H5P_DEFAULT), what);
  made.close(what);  // the fill values are written now
}

/// EMD 0.1: one dimN per axis beside the data.
std::vector<std::string> axis_paths(const store_description& description) {
  std::vector<std::string> paths;
  for (std::size_t axis = 1; axis <= axis_names(description.scan).size(); ++axis)
    paths.push_back(fmt::format("{}/dim{}", counts_group, axis));
  return paths;
}

/// The same dataset as EMD 1.0, the way py4DSTEM writes it.
void create_emd1_links(hid_t file, const store_description& description) {
  const std::vector<std::string> names = axis_names(description.scan);
  const std::vector<std::string> paths = axis_paths(description);
  write_attribute(file, "emd_group_type", "file");
  write_attribute(file, "version_major", std::int64_t{1});
  write_attribute(file, "version_minor", std::int64_t{0});
  write_attribute(file, "authoring_program", std::string("countem ") + version);
  write_attribute(file, "authoring_user", "");
  const hdf5_handle root = make_group(file, "/datacube_root");
  write_attribute(root, "emd_group_type", "root");
  write_attribute(root, "python_class", "Root");
  const hdf5_handle cube = make_group(file, "/datacube_root/datacube");
  write_attribute(cube, "emd_group_type", "array");
  write_attribute(cube, "python_class", names.size() == 4 ? "DataCube" : "Array");
  add_link(file, data, "/datacube_root/datacube/data");
  for (std::size_t axis = 0; axis < names.size(); ++axis)
    add_link(file, paths[axis], "/datacube_root/datacube/dim" + std::to_string(axis));
}

store_geometry geometry_of(hid_t group, const store_description& description) {
  if (has_geometry(group)) return read_geometry(group);
  // Stores of the first versions have none: they are whole scans.
  const std::uint32_t upsample = description.options.upsample;
  return counted_geometry({description.shape.height / upsample, description.shape.width / upsample}, upsample);
}

void write_description(hid_t group, const store_description& description) {
  write_attribute(group, "countem_format_version", format_version);
  write_attribute(group, "height", std::int64_t{description.shape.height});
  write_attribute(group, "width", std::int64_t{description.shape.width});
  write_attribute(group, "scan_height", std::int64_t{description.scan.height});
  write_attribute(group, "scan_width", std::int64_t{description.scan.width});
  write_attribute(group, "frames_per_position", std::int64_t{description.scan.frames_per_position});
  write_attribute(group, "upsample", std::int64_t{description.options.upsample});
  write_geometry(group, description.geometry);
  write_choice(group, "method", description.options.method);
  write_choice(group, "row_noise", description.options.row_noise);
  write_choice(group, "background", description.options.background);
  write_choice(group, "values", description.options.values);
  write_attribute(group, "min_cluster_size", std::int64_t{description.options.min_cluster_size});
  write_attribute(group, "max_cluster_size", std::int64_t{description.options.max_cluster_size});
}

/// All attributes of a group, which are texts, in the order in which they were made.
decltype(store_description::provenance) read_texts(hid_t group, const std::string& what) {
  struct reading {
    decltype(store_description::provenance) texts;
    std::exception_ptr thrown;
  } state;
  const auto take = [](hid_t from, const char* name, const H5A_info_t*, void* into) -> herr_t {
    auto& now = *static_cast<reading*>(into);
    try {
      now.texts.emplace_back(name, read_text_attribute(from, name));
      return 0;
    } catch (...) {  // exceptions must not pass through the C library
      now.thrown = std::current_exception();
      return -1;
    }
  };
  const herr_t result = H5Aiterate2(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, take, &state);
  if (state.thrown) std::rethrow_exception(state.thrown);
  hdf5_check(result, what);
  return std::move(state.texts);
}

}  // namespace

std::vector<hsize_t> data_extent(const store_description& description) {
  const std::vector<std::uint64_t> extent = dense_extent(description.scan, description.shape);
  return {extent.begin(), extent.end()};
}

std::vector<hsize_t> chunk_extent(const store_description& description) {
  std::vector<hsize_t> extent = data_extent(description);
  std::fill(extent.begin(), extent.end() - 2, hsize_t{1});
  return extent;
}

std::vector<hsize_t> chunk_offset(const scan_shape& scan, std::uint64_t frame) {
  const std::uint64_t position = frame / scan.frames_per_position;
  std::vector<hsize_t> offset = {position / scan.width, position % scan.width};
  if (scan.frames_per_position > 1) offset.push_back(frame % scan.frames_per_position);
  offset.insert(offset.end(), {0, 0});
  return offset;
}

std::vector<std::string> axis_names(const scan_shape& scan) {
  if (scan.frames_per_position > 1) return {"scan_y", "scan_x", "repeat", "row", "column"};
  return {"scan_y", "scan_x", "row", "column"};
}

void validate(const store_description& description, bool wide_counts) {
  const std::uint64_t frame_bytes = description.shape.pixels() * (wide_counts ? 2 : 1);
  if (description.shape.pixels() == 0) throw invalid_argument("the event store needs frames of at least one pixel");
  if (frame_bytes > max_chunk_bytes) {
    throw invalid_argument("frames of " + std::to_string(description.shape.height) + " x " +
                           std::to_string(description.shape.width) +
                           " pixels do not fit into HDF5 chunks of 4 GiB; count with less upsampling or narrow counts");
  }
  if (description.scan.height == 0 || description.scan.width == 0 || description.scan.frames_per_position == 0) {
    throw invalid_argument("the event store needs a scan of at least one position and one frame per position");
  }
  constexpr std::uint64_t most_frames = std::uint64_t{1} << 40U;
  if (description.scan.positions() > most_frames / description.scan.frames_per_position) {
    throw invalid_argument(
        "a scan of " + std::to_string(description.scan.width) + " x " + std::to_string(description.scan.height) + " x " +
        std::to_string(description.scan.frames_per_position) + " frames is beyond 2^40 frames; check the scan size");
  }
  if (description.options.upsample == 0) throw invalid_argument("upsampling by 0 makes no event grid");
  validate(description.geometry);
}

void create_description(hid_t file, const store_description& description, unsigned element_bytes) {
  const auto lock = hdf5_lock();
  const hdf5_handle group = make_group(file, counts_group);
  write_attribute(group, "emd_group_type", std::int64_t{1});
  write_description(group, description);
  write_attribute(group, "element_bytes", std::int64_t{element_bytes});
  write_calibration(make_group(file, calibration_group), description.calibrated);
  const hdf5_handle provenance = make_group(file, provenance_group);
  for (const auto& [name, text] : description.provenance) write_attribute(provenance, name, text);
}

void create(hid_t file, const store_description& description, bool wide_counts, std::span<const frames_elsewhere> elsewhere) {
  validate(description, wide_counts);
  const auto lock = hdf5_lock();
  // First of all, so that it is in the file's first bytes when the rest is lost.
  const std::vector<std::uint8_t> record = make_recovery_record(description, wide_counts);
  write_dataset(file, recovery_record, {record.size()}, record.data());
  create_description(file, description, wide_counts ? 2 : 1);
  create_data(file, description, wide_counts, elsewhere);
  write_axes(file, description, axis_paths(description));
  create_per_frame<std::uint32_t>(file, counts, description.scan.frames(), not_written);
  create_per_frame<std::uint8_t>(file, status, description.scan.frames(), 0);
  create_per_frame<std::uint32_t>(file, xrays, description.scan.frames(), 0);
  create_emd1_links(file, description);
  link_plot(file, description, data, axis_paths(description));
}

void add_issues(hid_t file, std::span<const source_issue> issues) {
  write_attribute(open_group(file, provenance_group), "issues", issues_text(issues, read_issues(file)));
}

std::string read_issues(hid_t file) {
  const hdf5_handle group = open_group(file, provenance_group);
  return has_attribute(group, "issues") ? read_text_attribute(group, "issues") : std::string();
}

unsigned read_element_bytes(hid_t file) {
  return read_number_attribute<std::uint32_t>(open_group(file, counts_group), "element_bytes", {1, 2});
}

bool is_store(hid_t file) {
  return has_path(file, counts_group) && has_attribute(open_group(file, counts_group), "countem_format_version");
}

store_description read_description(hid_t file) {
  const auto lock = hdf5_lock();
  const hdf5_handle group = open_group(file, counts_group);
  const std::int64_t stored_version = read_number_attribute<std::int64_t>(group, "countem_format_version");
  if (stored_version != format_version) {
    throw format_error("event store format " + std::to_string(stored_version) +
                       " is unknown to this countem, which reads format " + std::to_string(format_version) +
                       "; use a newer countem");
  }
  store_description description;
  description.shape = {read_number_attribute<std::uint32_t>(group, "height"),
                       read_number_attribute<std::uint32_t>(group, "width")};
  description.scan = {read_number_attribute<std::uint32_t>(group, "scan_height"),
                      read_number_attribute<std::uint32_t>(group, "scan_width"),
                      read_number_attribute<std::uint32_t>(group, "frames_per_position")};
  description.options.method = read_choice<counting_method>(group, "method");
  description.options.row_noise = read_choice<row_noise_method>(group, "row_noise");
  // Stores of the first versions have none.
  if (has_attribute(group, "background")) description.options.background = read_choice<background_method>(group, "background");
  description.options.values = read_choice<event_value>(group, "values");
  description.options.min_cluster_size = read_number_attribute<std::uint32_t>(group, "min_cluster_size");
  description.options.max_cluster_size = read_number_attribute<std::uint32_t>(group, "max_cluster_size");
  description.options.upsample = read_number_attribute<std::uint32_t>(group, "upsample");
  try {
    if (description.options.upsample != 0) description.geometry = geometry_of(group, description);
    validate(description, false);
  } catch (const invalid_argument& reason) {
    throw format_error(std::string("the stored description contradicts itself: ") + reason.what());
  }
  description.calibrated = read_calibration(open_group(file, calibration_group));
  description.provenance = read_texts(open_group(file, provenance_group), provenance_group);
  return description;
}

}  // namespace countem::io::layout
