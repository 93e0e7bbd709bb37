#include <countem/error.hpp>
#include <countem/saved_image.hpp>

#include "io/files/npy_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/output.hpp"
#include "io/store/reductions_group.hpp"

namespace countem {

namespace io {

constexpr const char* reductions_group = "reductions";
constexpr int image_deflate_level = 1;

void make_reductions(hid_t file, std::span<const saved_image> images) {
  const auto lock = hdf5_lock();
  const hdf5_handle group = make_group(file, reductions_group);
  for (const saved_image& image : images) {
    const std::vector<hsize_t> extent(image.extent.begin(), image.extent.end());
    std::visit(
        [&]<class T>(const std::vector<T>&) { write_dataset<T>(group, image.name, extent, nullptr, image_deflate_level); },
        image.values);
  }
  describe_reductions(file, images);
}

void describe_reductions(hid_t file, std::span<const saved_image> images) {
  const auto lock = hdf5_lock();
  for (const saved_image& image : images) {
    const std::string path = std::string(reductions_group) + "/" + image.name;
    const hdf5_handle made(H5Dopen2(file, path.c_str(), H5P_DEFAULT), place_of(file, path));
    write_attribute(made, "units", image.units);
    write_attribute(made, "meaning", image.meaning);
    for (const image_attribute& one : attributes_of(image)) {
      std::visit([&](const auto& value) { write_attribute(made, one.name, value); }, one.value);
    }
  }
}

void fill_reductions(hid_t file, std::span<const saved_image> images) {
  const auto lock = hdf5_lock();
  for (const saved_image& image : images) {
    const std::string path = std::string(reductions_group) + "/" + image.name;
    const std::string what = place_of(file, path);
    hdf5_handle made(H5Dopen2(file, path.c_str(), H5P_DEFAULT), what);
    const slab all{std::vector<hsize_t>(image.extent.size()), {image.extent.begin(), image.extent.end()}};
    std::visit([&]<class T>(const std::vector<T>& values) { write_slab<T>(made, all, values, what); }, image.values);
    made.close(what);
  }
}

void write_reductions(hid_t file, std::span<const saved_image> images) {
  make_reductions(file, images);
  fill_reductions(file, images);
}

}  // namespace io

namespace {

/// Reductions and where they came from, no events.
bool is_image_file(const std::filesystem::path& path) try {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file = io::open_hdf5(path);
  H5G_info_t root{};
  io::hdf5_check(H5Gget_info(file, &root), path.string());
  return root.nlinks == 2 && io::has_path(file, io::reductions_group) && io::has_path(file, "provenance");
} catch (const format_error&) {
  return false;
}

template <class T>
constexpr const char* npy_type() {
  if constexpr (std::is_same_v<T, std::uint32_t>) return "<u4";
  if constexpr (std::is_same_v<T, std::uint64_t>) return "<u8";
  if constexpr (std::is_same_v<T, double>) return "<f8";
}

}  // namespace

std::vector<image_attribute> attributes_of(const saved_image& image) {
  std::vector<image_attribute> all = image.attributes;
  if (image.axes.units.empty()) return all;
  all.insert(all.end(), {{"row_first", image.axes.row.first},
                         {"row_step", image.axes.row.step},
                         {"column_first", image.axes.column.first},
                         {"column_step", image.axes.column.step},
                         {"axis_units", image.axes.units}});
  return all;
}

void save_images(const std::filesystem::path& path, std::span<const saved_image> images,
                 std::span<const std::pair<std::string, std::string>> provenance, const output_rules& rules) try {
  io::output_file output(path, images_output, rules);
  const auto lock = io::hdf5_lock();
  io::hdf5_handle file = io::create_hdf5(output);
  io::write_reductions(file, images);
  {
    const io::hdf5_handle group = io::make_group(file, "provenance");
    for (const auto& [name, text] : provenance) io::write_attribute(group, name, text);
  }
  io::close_hdf5(file, path.string());
  output.finish();
} catch (const io::hdf5_refusal& reason) {
  io::throw_unwritten(reason);
}

void save_npy(const std::filesystem::path& path, const saved_image& image, const output_rules& rules) {
  io::output_file output(path, npy_output, rules);
  std::visit(
      [&]<class T>(const std::vector<T>& values) {
        const std::string header = io::npy_header_of(npy_type<T>(), image.extent);
        output.file().write_at(0, header.data(), header.size());
        output.file().write_at(header.size(), values.data(), values.size() * sizeof(T));
      },
      image.values);
  output.finish();
}

const output_kind images_output{"a file of reductions", is_image_file};
const output_kind npy_output{"a .npy file of countem", io::is_own_npy};

}  // namespace countem
