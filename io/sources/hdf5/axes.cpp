#include "io/sources/hdf5/axes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/dm5.hpp"

namespace countem::io {

namespace {

/// Names of the axes of frames in the usual order, by the number of axes.
std::vector<std::string_view> usual_names(std::size_t rank) {
  switch (rank) {
    case 2: return {"row", "column"};
    case 3: return {"frame", "row", "column"};
    case 4: return {"scan_row", "scan_column", "row", "column"};
    default: return {"scan_row", "scan_column", "repeat", "row", "column"};
  }
}

/// The axes when the dataset's axis number i is the usual order's number usual_place[i].
frame_axes placed(const std::vector<std::size_t>& usual_place, std::string writer) {
  const std::size_t rank = usual_place.size();
  std::vector<std::size_t> axis(rank);
  for (std::size_t number = 0; number < rank; ++number) axis[usual_place[number]] = number;
  frame_axes axes;
  axes.scan.assign(axis.begin(), axis.end() - 2);
  axes.row = axis[rank - 2];
  axes.column = axis[rank - 1];
  axes.writer = std::move(writer);
  return axes;
}

frame_axes usual_axes(std::size_t rank) {
  std::vector<std::size_t> same(rank);
  std::iota(same.begin(), same.end(), 0U);
  return placed(same, {});
}

frame_axes reversed_axes(std::size_t rank, std::string writer) {
  std::vector<std::size_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0U);
  return placed(reversed, std::move(writer));
}

/// The detector's axes before those of the scan.
std::vector<std::size_t> image_first(std::size_t rank) {
  std::vector<std::size_t> place{rank - 2, rank - 1};
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) place.push_back(axis);
  return place;
}

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
  if (swapped && !*swapped) return placed(image_first(4), writer);
  frame_axes axes = usual_axes(4);
  if (!swapped) axes.writer = writer;
  return axes;
}

/// Elements of one size, gathered by their distances in the box.
template <class Element>
void gather(const std::vector<std::pair<hsize_t, hsize_t>>& counts_and_steps, const std::byte* from, std::byte* to) {
  const auto* const source = reinterpret_cast<const Element*>(from);
  auto* target = reinterpret_cast<Element*>(to);
  const auto [frames, frame_step] = counts_and_steps[0];
  const auto [rows, row_step] = counts_and_steps[1];
  const auto [columns, column_step] = counts_and_steps[2];
  for (hsize_t frame = 0; frame < frames; ++frame) {
    for (hsize_t row = 0; row < rows; ++row) {
      const Element* at = source + frame * frame_step + row * row_step;
      for (hsize_t column = 0; column < columns; ++column, at += column_step) *target++ = *at;
    }
  }
}

}  // namespace

bool frame_axes::are_usual() const {
  const std::size_t rank = scan.size() + 2;
  return row == rank - 2 && column == rank - 1 && std::is_sorted(scan.begin(), scan.end());
}

std::vector<std::uint64_t> frame_axes::usual(std::span<const hsize_t> extent) const {
  std::vector<std::uint64_t> lengths;
  for (const std::size_t axis : scan) lengths.push_back(extent[axis]);
  lengths.push_back(extent[row]);
  lengths.push_back(extent[column]);
  return lengths;
}

std::string frame_axes::names() const {
  const auto usual = usual_names(scan.size() + 2);
  std::vector<std::string_view> in_order(usual.size());
  for (std::size_t number = 0; number < scan.size(); ++number) in_order[scan[number]] = usual[number];
  in_order[row] = "row";
  in_order[column] = "column";
  return fmt::format("{}", fmt::join(in_order, ", "));
}

frame_axes axes_from(const std::string& names, std::size_t rank, const std::string& what) {
  const auto usual = usual_names(rank);
  std::vector<std::size_t> place;
  for (std::size_t from = 0; from <= names.size();) {
    const std::size_t comma = std::min(names.find(',', from), names.size());
    const auto known = std::find(usual.begin(), usual.end(), std::string_view(names).substr(from, comma - from));
    place.push_back(static_cast<std::size_t>(known - usual.begin()));
    from = comma + 1;
  }
  std::vector<std::size_t> sorted = place;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> all(rank);
  std::iota(all.begin(), all.end(), 0U);
  if (sorted == all) return placed(place, {});
  throw invalid_argument(fmt::format("{}: has {} axes, and '{}' does not name {} once each, in the order of the dataset", what,
                                     rank, names, fmt::join(usual, ",")));
}

void turn_frames(const frame_axes& axes, const std::vector<hsize_t>& extent, std::size_t element_bytes, const std::byte* from,
                 std::byte* to) {
  std::vector<hsize_t> step(extent.size(), 1);
  for (std::size_t axis = extent.size() - 1; axis-- > 0;) step[axis] = step[axis + 1] * extent[axis + 1];
  std::vector<std::pair<hsize_t, hsize_t>> order{{1, 0}};
  if (!axes.scan.empty()) order[0] = {extent[axes.scan.back()], step[axes.scan.back()]};
  order.emplace_back(extent[axes.row], step[axes.row]);
  order.emplace_back(extent[axes.column], step[axes.column]);
  switch (element_bytes) {
    case 1: return gather<std::uint8_t>(order, from, to);
    case 2: return gather<std::uint16_t>(order, from, to);
    case 4: return gather<std::uint32_t>(order, from, to);
    default: return gather<std::uint64_t>(order, from, to);
  }
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
  if (rank == 3 && path.starts_with("/Data/Image/") && is_velox(file)) return placed(image_first(rank), "Velox");
  if (is_of_hyperspy(file, path)) return reversed_axes(rank, "hyperspy");
  if (rank == 3 && path.ends_with("/realslice")) return placed(image_first(rank), "Prismatic");
  if (has_attribute(dataset, "MATLAB_class")) {
    std::vector<std::size_t> place = image_first(rank);
    std::reverse(place.begin(), place.end());
    return placed(place, "MATLAB");
  }
  return usual_axes(rank);
}

}  // namespace countem::io
