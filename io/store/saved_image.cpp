#include <countem/saved_image.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/large_output.hpp>

#include "io/files/npy_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/output.hpp"
#include "io/hdf5/packed_chunks.hpp"
#include "io/store/image_writer.hpp"
#include "io/store/reductions_group.hpp"

namespace countem {

namespace io {

constexpr const char* reductions_group = "reductions";

void make_reductions(hid_t file, std::span<const saved_image> images) {
  const auto lock = hdf5_lock();
  const hdf5_handle group = make_group(file, reductions_group);
  for (const saved_image& image : images) {
    const std::vector<hsize_t> extent(image.extent.begin(), image.extent.end());
    std::visit([&]<class T>(const std::vector<T>&) { write_dataset<T>(group, image.name, extent, nullptr, packing_level); },
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

namespace {

std::string path_of(const saved_image& image) {
  return std::string(reductions_group) + "/" + image.name;
}

void fill_held(hid_t file, const saved_image& image) {
  std::string what;
  hdf5_handle made;
  {
    const auto lock = hdf5_lock();
    what = place_of(file, path_of(image));
    made = hdf5_handle(H5Dopen2(file, path_of(image).c_str(), H5P_DEFAULT), what);
  }
  std::visit([&]<class T>(const std::vector<T>& values) { write_all<T>(made, values, what); }, image.values);
  const auto lock = hdf5_lock();
  made.close(what);
}

/// All images of one stream. Not under HDF5's lock: what makes the values may read a store.
void fill_streamed(hid_t file, std::span<const saved_image> images, const image_stream& stream) {
  std::map<std::size_t, image_writer> writers;
  for (const saved_image& image : images) {
    if (image.streamed.stream.get() == &stream) writers.try_emplace(image.streamed.number, file, path_of(image), image.extent);
  }
  stream.make([&writers](std::size_t number, std::span<const double> values) {
    const auto wanted = writers.find(number);
    if (wanted != writers.end()) wanted->second.put(values);
  });
  for (auto& [number, writer] : writers) writer.finish();
}

}  // namespace

void fill_reductions(hid_t file, std::span<const saved_image> images) {
  std::vector<const image_stream*> streams;
  for (const saved_image& image : images) {
    const image_stream* const stream = image.streamed.stream.get();
    if (stream == nullptr) fill_held(file, image);
    if (stream != nullptr && std::ranges::find(streams, stream) == streams.end()) streams.push_back(stream);
  }
  for (const image_stream* const stream : streams) fill_streamed(file, images, *stream);
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

std::uint64_t saved_image::elements() const {
  return std::accumulate(extent.begin(), extent.end(), std::uint64_t{1}, std::multiplies<>());
}

std::uint64_t saved_image::bytes() const {
  return elements() * std::visit([]<class T>(const std::vector<T>&) { return sizeof(T); }, values);
}

std::string size_words(const saved_image& image) {
  std::string words = image.name + ",";
  for (const std::uint64_t length : image.extent) words += (words.back() == ',' ? " " : " x ") + std::to_string(length);
  return words + " numbers";
}

void expect_image(const std::filesystem::path& path, const saved_image& image) {
  if (image.bytes() >= large_output_bytes)
    expect_output(path, size_words(image) + " before compression", image.bytes(), size_is::estimated);
}

void save_images(const std::filesystem::path& path, std::span<const saved_image> images,
                 std::span<const std::pair<std::string, std::string>> provenance, const output_rules& rules) try {
  io::output_file output(path, images_output, rules);
  io::hdf5_handle file = io::create_hdf5(output);
  io::write_reductions(file, images);
  {
    const auto lock = io::hdf5_lock();
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
  std::uint64_t end = 0;
  const auto put = [&]<class T>(std::span<const T> values) {
    output.file().write_at(end, values.data(), values.size_bytes());
    end += values.size_bytes();
  };
  std::visit(
      [&]<class T>(const std::vector<T>& values) {
        put(std::span<const char>(io::npy_header_of(npy_type<T>(), image.extent)));
        put(std::span<const T>(values));
      },
      image.values);
  if (const auto& [stream, number] = image.streamed; stream != nullptr) {
    stream->make([&, wanted = number](std::size_t made, std::span<const double> values) {
      if (made == wanted) put(values);
    });
  }
  output.finish();
}

const output_kind images_output{"a file of reductions", is_image_file};
const output_kind npy_output{"a .npy file of countem", io::is_own_npy};

}  // namespace countem
