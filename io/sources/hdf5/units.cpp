#include "io/sources/hdf5/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/dm/dm_meaning.hpp"
#include "io/sources/hdf5/dm5.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"
#include "io/sources/stated_axes.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t longest_axis = std::uint64_t{1} << 24;
constexpr std::uint64_t longest_metadata = std::uint64_t{1} << 20;

std::optional<double> number_attribute(hid_t object, const std::string& name) {
  if (!has_attribute(object, name)) return std::nullopt;
  return read_number_attribute<double>(object, name);
}

/// The texts of an attribute of one axis.
std::vector<std::string> text_list(hid_t object, const std::string& name) {
  const hdf5_handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), name);
  const hdf5_handle type(H5Aget_type(attribute), name);
  const hdf5_handle space(H5Aget_space(attribute), name);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  constexpr hssize_t most = 16;
  if (H5Tget_class(type) != H5T_STRING || count < 1 || count > most) return {};
  std::vector<std::string> texts;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(static_cast<std::size_t>(count), nullptr);
    hdf5_check(H5Aread(attribute, type, pointers.data()), name);
    for (char* const text : pointers) texts.emplace_back(text == nullptr ? "" : text);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
    return texts;
  }
  const std::size_t length = H5Tget_size(type);
  std::vector<char> letters(length * static_cast<std::size_t>(count));
  hdf5_check(H5Aread(attribute, type, letters.data()), name);
  for (std::size_t at = 0; at < letters.size(); at += length) {
    std::string text(&letters[at], length);
    texts.push_back(text.substr(0, std::min(text.find('\0'), text.find_last_not_of(' ') + 1)));
  }
  return texts;
}

/// An axis whose coordinates are a dataset: all of them, or the first two. Nothing where it has one index.
std::optional<stated_axis> axis_of_values(hid_t file, const std::string& path, hsize_t length) {
  if (object_type(file, path) != H5O_TYPE_DATASET || length < 2) return std::nullopt;
  const hdf5_handle dataset = open_dataset(file, path);
  const hdf5_handle type(H5Dget_type(dataset), path);
  if (H5Tget_class(type) != H5T_INTEGER && H5Tget_class(type) != H5T_FLOAT) return std::nullopt;
  const std::string units = find_text_attribute(dataset, "units");
  const auto values = read_dataset<double>(file, path, nullptr, longest_axis);
  if (values.size() != length && values.size() != 2) return std::nullopt;
  const double step = (values.back() - values.front()) / static_cast<double>(values.size() - 1);
  for (std::size_t at = 0; at < values.size(); ++at) {
    if (std::abs(values[at] - (values.front() + static_cast<double>(at) * step)) > 1e-3 * std::abs(step))
      return stated_axis{values.front(), std::nan(""), units};  // not evenly spaced
  }
  return stated_axis{values.front(), step, units};
}

/// The axis that the dataset's axis of this number is stated as.
using axis_finder = std::function<std::optional<stated_axis>(std::size_t number)>;

stated_axes axes_by(const axis_finder& find, const segment& frames) {
  stated_axes stated;
  stated.row = find(frames.axes.row);
  stated.column = find(frames.axes.column);
  const std::vector<std::size_t>& scan = frames.axes.scan;
  if (scan.size() == 1) stated.scan_column = find(scan[0]);
  if (scan.size() >= 2) {
    stated.scan_row = find(scan[0]);
    stated.scan_column = find(scan[1]);
  }
  return stated;
}

/// What programs keep of the microscope beside a signal of hyperspy.
double beam_of_hyperspy(hid_t file, const std::string& parent) {
  const std::string tem = parent + "/metadata/Acquisition_instrument/TEM";
  if (object_type(file, tem) != H5O_TYPE_GROUP) return 0;
  return number_attribute(open_group(file, tem), "beam_energy").value_or(0);
}

stated_axes axes_of_hyperspy(hid_t file, const std::string& parent, const segment& frames) {
  const auto find = [&](std::size_t number) -> std::optional<stated_axis> {
    const std::string path = fmt::format("{}/axis-{}", parent, number);
    if (object_type(file, path) != H5O_TYPE_GROUP || frames.extent[number] < 2) return std::nullopt;
    const hdf5_handle axis = open_group(file, path);
    const auto scale = number_attribute(axis, "scale");
    if (!scale) return std::nullopt;
    return stated_axis{number_attribute(axis, "offset").value_or(0), *scale, find_text_attribute(axis, "units")};
  };
  stated_axes stated = axes_by(find, frames);
  stated.beam_kv = beam_of_hyperspy(file, parent);
  return stated;
}

/// dim1 is the first axis of EMD 0.1, dim0 that of EMD 1.0.
stated_axes axes_of_emd(hid_t file, const std::string& parent, const segment& frames) {
  const std::size_t first = object_type(file, parent + "/dim0") == H5O_TYPE_DATASET ? 0 : 1;
  return axes_by(
      [&](std::size_t number) {
        return axis_of_values(file, fmt::format("{}/dim{}", parent, number + first), frames.extent[number]);
      },
      frames);
}

stated_axes axes_of_nexus(hid_t file, const std::string& parent, hid_t group, const segment& frames) {
  const std::vector<std::string> names = text_list(group, "axes");
  return axes_by(
      [&](std::size_t number) -> std::optional<stated_axis> {
        if (number >= names.size() || names[number].empty() || names[number] == ".") return std::nullopt;
        return axis_of_values(file, parent + "/" + names[number], frames.extent[number]);
      },
      frames);
}

/// A length of an NXdetector, in m unless it has another unit.
std::optional<stated_axis> length_at(hid_t file, const std::string& path) {
  if (object_type(file, path) != H5O_TYPE_DATASET) return std::nullopt;
  const auto values = read_dataset<double>(file, path, nullptr, longest_axis);
  if (values.empty() || !std::ranges::all_of(values, [&](double value) { return value == values.front(); }))
    return std::nullopt;
  const std::string units = find_text_attribute(open_dataset(file, path), "units");
  return stated_axis{0, values.front(), units.empty() ? "m" : units};
}

/// The angle of a pixel, where the detector's distance from the specimen is stated in the same unit.
stated_axes axes_of_detector(hid_t file, const std::string& parent) {
  stated_axes stated;
  std::optional<stated_axis> distance = length_at(file, parent + "/distance");
  if (!distance) distance = length_at(file, parent + "/detector_distance");
  const auto angle = [&](const char* name) -> std::optional<stated_axis> {
    std::optional<stated_axis> size = length_at(file, parent + "/" + name);
    if (!size || !distance || !(distance->step > 0)) return std::nullopt;
    const std::optional<double> ratio = ratio_of_lengths(*size, *distance);
    if (!ratio) return std::nullopt;
    return stated_axis{0, *ratio, "rad"};
  };
  stated.column = angle("x_pixel_size");
  stated.row = angle("y_pixel_size");
  return stated;
}

double number_of_json(const nlohmann::json& text) {
  if (text.is_number()) return text.get<double>();
  if (!text.is_string()) return 0;
  const auto& letters = text.get_ref<const std::string&>();
  double number = 0;
  std::from_chars(letters.data(), letters.data() + letters.size(), number);
  return number;
}

/// JSON of the first frame, in its column of bytes.
stated_axes axes_of_velox(hid_t file, const std::string& parent) {
  stated_axes stated;
  const std::string path = parent + "/Metadata";
  if (object_type(file, path) != H5O_TYPE_DATASET) return stated;
  const hdf5_handle dataset = open_dataset(file, path);
  const std::vector<hsize_t> extent = extent_of(dataset, path);
  if (extent.size() != 2 || extent[0] == 0 || extent[0] > longest_metadata || extent[1] == 0) return stated;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(extent[0]));
  read_slab<std::uint8_t>(dataset, {{0, 0}, {extent[0], 1}}, bytes, path);
  const std::string text(bytes.begin(), std::find(bytes.begin(), bytes.end(), std::uint8_t{0}));
  const nlohmann::json known = nlohmann::json::parse(text, nullptr, false);
  const auto at = [&](const char* pointer) {
    const nlohmann::json::json_pointer place(pointer);
    return known.is_object() && known.contains(place) ? known.at(place) : nlohmann::json();
  };
  const auto axis = [&](const char* size, const char* unit, const char* offset) -> std::optional<stated_axis> {
    const nlohmann::json step = at(size);
    const nlohmann::json name = at(unit);
    if (step.is_null() || !name.is_string()) return std::nullopt;
    return stated_axis{number_of_json(at(offset)), number_of_json(step), name.get<std::string>()};
  };
  stated.column = axis("/BinaryResult/PixelSize/width", "/BinaryResult/PixelUnitX", "/BinaryResult/Offset/x");
  stated.row = axis("/BinaryResult/PixelSize/height", "/BinaryResult/PixelUnitY", "/BinaryResult/Offset/y");
  stated.beam_kv = number_of_json(at("/Optics/AccelerationVoltage")) / 1000;
  return stated;
}

/// Digital Micrograph counts axes from the last one of the dataset.
stated_axes axes_of_dm5(hid_t file, const std::string& parent, const segment& frames) {
  const auto find = [&](std::size_t number) -> std::optional<stated_axis> {
    const std::string path = fmt::format("{}/Calibrations/Dimension/[{}]", parent, frames.extent.size() - 1 - number);
    if (object_type(file, path) != H5O_TYPE_GROUP || frames.extent[number] < 2) return std::nullopt;
    const hdf5_handle axis = open_group(file, path);
    const auto scale = number_attribute(axis, "Scale");
    if (!scale) return std::nullopt;
    return dm_axis(number_attribute(axis, "Origin").value_or(0), *scale, find_text_attribute(axis, "Units"));
  };
  stated_axes stated = axes_by(find, frames);
  const std::string microscope = parent.substr(0, parent.find_last_of('/')) + "/ImageTags/Microscope Info";
  if (object_type(file, microscope) == H5O_TYPE_GROUP)
    stated.beam_kv = number_attribute(open_group(file, microscope), "Voltage").value_or(0) / 1000;
  return stated;
}

stated_axes stated_in(hid_t file, const segment& frames) {
  const std::string parent = frames.path.substr(0, frames.path.find_last_of('/'));
  if (parent.empty() || object_type(file, parent) != H5O_TYPE_GROUP) return {};
  const hdf5_handle group = open_group(file, parent);
  const std::string kind = find_text_attribute(group, "NX_class");
  if (frames.axes.writer == "Velox") return axes_of_velox(file, parent);
  if (is_dm5_image(frames.path)) return axes_of_dm5(file, parent, frames);
  if (object_type(file, parent + "/axis-0") == H5O_TYPE_GROUP) return axes_of_hyperspy(file, parent, frames);
  if (kind == "NXdetector") return axes_of_detector(file, parent);
  if (kind == "NXdata" && has_attribute(group, "axes")) return axes_of_nexus(file, parent, group, frames);
  if (has_attribute(group, "emd_group_type")) return axes_of_emd(file, parent, frames);
  constexpr const char* detector_of_dectris = "/entry/instrument/detector";
  if (parent == "/entry/data" && object_type(file, detector_of_dectris) == H5O_TYPE_GROUP)
    return axes_of_detector(file, detector_of_dectris);
  return {};
}

}  // namespace

axis_lengths stated_lengths(hid_t file, const segment& frames, const fs::path& name, issue_list& issues) {
  if (frames.extent.size() < 3) return {};
  try {
    return lengths_of(stated_in(file, frames), name, issues);
  } catch (const format_error& problem) {
    issues.add("axes_not_taken", name,
               [&] { return fmt::format("what it states of its axes cannot be read: {}", problem.what()); });
  } catch (const io_error& problem) {
    issues.add("axes_not_taken", name,
               [&] { return fmt::format("what it states of its axes cannot be read: {}", problem.what()); });
  }
  return {};
}

}  // namespace countem::io
