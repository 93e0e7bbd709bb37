#include "io/sources/hdf5/dm5.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string_view>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/dm/dm_meaning.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"

namespace countem::io {

namespace {

constexpr std::string_view list_of_images = "/ImageList/";
constexpr std::string_view pixels_of_image = "/ImageData/Data";

std::string group_of_image(const std::string& path) {
  return path.substr(0, path.size() - pixels_of_image.size());
}

bool is_group(hid_t file, const std::string& path) {
  return object_type(file, path) == H5O_TYPE_GROUP;
}

std::string in_small_letters(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return text;
}

std::string meta_data_of(const std::string& path) {
  return group_of_image(path) + "/ImageTags/Meta Data";
}

/// Dimensions count from x; the dataset's last axis is x.
void check_dimensions(hid_t file, const std::string& path, const std::vector<hsize_t>& extent, const std::string& what) {
  const std::string dimensions = group_of_image(path) + "/ImageData/Dimensions";
  if (!is_group(file, dimensions)) return;
  const hdf5_handle group = open_group(file, dimensions);
  constexpr std::size_t most_axes = 8;
  std::vector<std::int64_t> stated;
  while (stated.size() < most_axes) {
    const auto length = find_number_attribute(group, fmt::format("[{}]", stated.size()));
    if (!length) break;
    stated.push_back(*length);
  }
  if (std::equal(stated.begin(), stated.end(), extent.rbegin(), extent.rend(),
                 [](std::int64_t length, hsize_t other) { return length >= 0 && static_cast<hsize_t>(length) == other; }))
    return;
  throw format_error(fmt::format(
      "{}: the file contradicts itself: from x on its Dimensions are ({}), and those of its pixels are ({}); save it "
      "again from Digital Micrograph",
      what, fmt::join(stated, ", "), fmt::join(extent.rbegin(), extent.rend(), ", ")));
}

bool is_whole(stored_type type) {
  return type != stored_type::f16 && type != stored_type::f32 && type != stored_type::f64;
}

/// The dataset has a type of its own, which is the one that counts.
void check_pixels(hid_t image_data, hid_t dataset, const std::string& what, const std::filesystem::path& name,
                  issue_list& issues) {
  const hdf5_handle type(H5Dget_type(dataset), what);
  const auto bytes = static_cast<std::int64_t>(H5Tget_size(type));
  if (const auto depth = find_number_attribute(image_data, "PixelDepth"); depth && *depth != bytes) {
    throw format_error(
        fmt::format("{}: the file contradicts itself: its PixelDepth is {} bytes, and its pixels have {}; save it again from "
                    "Digital Micrograph",
                    what, *depth, bytes));
  }
  const auto code = find_number_attribute(image_data, "DataType");
  if (!code) return;
  const auto stated = *code < 0 ? std::nullopt : dm_pixel_type(static_cast<std::uint64_t>(*code));
  if (!stated) throw format_error(fmt::format("{}: pixels of DataType {} cannot be read: real numbers can", what, *code));
  const stored_type own = type_of(dataset, what);
  constexpr std::int64_t truth_values = 14;
  if (own == *stated || (*code == truth_values && size_of(own) == 1)) return;
  if (size_of(own) != size_of(*stated) || is_whole(own) != is_whole(*stated)) {
    throw format_error(
        fmt::format("{}: the file contradicts itself: its DataType {} is {}, and its pixels are {}; save it again from Digital "
                    "Micrograph",
                    what, *code, to_string(*stated), to_string(own)));
  }
  issues.add("sign_disagrees", name, [&] {
    return fmt::format("dataset of {} with DataType {}, which is {}: it is read as {}", to_string(own), *code,
                       to_string(*stated), to_string(own));
  });
}

}  // namespace

bool is_dm5_image(const std::string& path) {
  if (!path.starts_with(list_of_images) || !path.ends_with(pixels_of_image)) return false;
  if (path.size() <= list_of_images.size() + pixels_of_image.size()) return false;
  const std::string_view place(path.data() + list_of_images.size(),
                               path.size() - list_of_images.size() - pixels_of_image.size());
  return place.find('/') == std::string_view::npos;
}

std::vector<std::string> dm5_thumbnails(hid_t file) {
  if (!is_group(file, "/ImageList")) return {};
  H5G_info_t images{};
  if (H5Gget_info_by_name(file, "/ImageList", &images, H5P_DEFAULT) < 0 || images.nlinks < 2) return {};
  constexpr std::size_t most = 64;
  std::vector<std::string> paths;
  for (std::size_t number = 0; number < most; ++number) {
    const std::string thumbnail = fmt::format("/Thumbnails/[{}]", number);
    if (!is_group(file, thumbnail)) break;
    const auto image = find_number_attribute(open_group(file, thumbnail), "ImageIndex");
    if (image) paths.push_back(fmt::format("{}[{}]{}", list_of_images, *image, pixels_of_image));
  }
  if (paths.empty()) paths.push_back(fmt::format("{}[0]{}", list_of_images, pixels_of_image));
  return paths;
}

std::optional<bool> dm5_order_swapped(hid_t file, const std::string& path) {
  constexpr const char* tag = "Data Order Swapped";
  const std::string meta_data = meta_data_of(path);
  if (!is_group(file, meta_data)) return std::nullopt;
  const hdf5_handle group = open_group(file, meta_data);
  if (!has_attribute(group, tag)) return std::nullopt;
  const std::string text = in_small_letters(find_text_attribute(group, tag));
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return find_number_attribute(group, tag) != std::int64_t{0};
}

void check_dm5_image(hid_t file, const std::string& path, hid_t dataset, const std::filesystem::path& name,
                     issue_list& issues) {
  const std::string what = fmt::format("{}: dataset {}", name.string(), path);
  if (const std::string meta_data = meta_data_of(path); is_group(file, meta_data)) {
    if (in_small_letters(find_text_attribute(open_group(file, meta_data), "Format")) == "spectrum image")
      throw format_error(what + ": holds a spectrum image, not frames");
  }
  check_dimensions(file, path, extent_of(dataset, what), what);
  check_pixels(open_group(file, group_of_image(path) + "/ImageData"), dataset, what, name, issues);
}

}  // namespace countem::io
