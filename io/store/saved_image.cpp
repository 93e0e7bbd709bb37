#include <countem/error.hpp>
#include <countem/saved_image.hpp>

#include "io/files/file.hpp"
#include "io/files/npy_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/store/reductions_group.hpp"

namespace countem {

namespace io {

constexpr const char* reductions_group = "reductions";
constexpr int deflate_level = 1;

void write_reductions(hid_t file, std::span<const saved_image> images) {
  const hdf5_handle group = has_path(file, reductions_group)
                                ? hdf5_handle(H5Gopen2(file, reductions_group, H5P_DEFAULT), reductions_group)
                                : make_group(file, reductions_group);
  for (const saved_image& image : images) {
    const std::vector<hsize_t> extent(image.extent.begin(), image.extent.end());
    std::visit([&](const auto& values) { write_dataset(group, image.name, extent, values.data(), deflate_level); },
               image.values);
    const hdf5_handle made(H5Dopen2(group, image.name.c_str(), H5P_DEFAULT), image.name);
    write_attribute(made, "units", image.units);
    write_attribute(made, "meaning", image.meaning);
  }
}

}  // namespace io

namespace {

void write_file(const std::filesystem::path& path, std::span<const saved_image> images,
                std::span<const std::pair<std::string, std::string>> provenance) {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                             path.string() + ": cannot be created");
  io::write_reductions(file, images);
  const io::hdf5_handle group = io::make_group(file, "provenance");
  for (const auto& [name, text] : provenance) io::write_attribute(group, name, text);
  io::hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), path.string() + ": cannot be written");
}

template <class T>
constexpr const char* npy_type() {
  if constexpr (std::is_same_v<T, std::uint32_t>) return "<u4";
  if constexpr (std::is_same_v<T, std::uint64_t>) return "<u8";
  if constexpr (std::is_same_v<T, double>) return "<f8";
}

}  // namespace

void save_images(const std::filesystem::path& path, std::span<const saved_image> images,
                 std::span<const std::pair<std::string, std::string>> provenance) {
  io::file_replacement file(path);
  write_file(file.unfinished(), images, provenance);
  file.finish();
}

bool is_image_file(const std::filesystem::path& path) noexcept try {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file = io::open_hdf5(path);
  H5G_info_t root{};
  io::hdf5_check(H5Gget_info(file, &root), path.string());
  return root.nlinks == 2 && io::has_path(file, io::reductions_group) && io::has_path(file, "provenance");
} catch (const std::exception&) {
  return false;
}

void save_npy(const std::filesystem::path& path, const saved_image& image) {
  io::file_replacement replacement(path);
  {
    const io::file_handle file = io::file_handle::open_write(replacement.unfinished());
    std::visit(
        [&]<class T>(const std::vector<T>& values) {
          const std::string header = io::npy_header_of(npy_type<T>(), image.extent);
          file.write_at(0, header.data(), header.size());
          file.write_at(header.size(), values.data(), values.size() * sizeof(T));
        },
        image.values);
  }
  replacement.finish();
}

}  // namespace countem
