// u16 counts of every pixel, as .npy or HDF5.
#include <algorithm>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/large_output.hpp>

#include "io/convert/blocks.hpp"
#include "io/convert/exports.hpp"
#include "io/convert/hdf5_output.hpp"
#include "io/convert/raw_output.hpp"
#include "io/files/npy_output.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/store/labelled_axes.hpp"
#include "io/store/layout.hpp"

namespace countem::io {

namespace {

std::string words_of_frames(const event_store& store) {
  std::string words = "dense frames of ";
  for (const std::uint64_t length : dense_extent(store.description().scan, store.description().shape))
    words += (words.ends_with("of ") ? "" : " x ") + std::to_string(length);
  return words + " numbers";
}

/// Events of a frame as counts per pixel. Returns how many did not fit into 16 bits.
std::uint64_t make_dense(std::span<const std::uint32_t> events, std::vector<std::uint16_t>& frame) {
  constexpr std::uint16_t largest = 0xffff;
  std::fill(frame.begin(), frame.end(), std::uint16_t{0});
  std::uint64_t cut = 0;
  for (const std::uint32_t event : events) {
    if (frame[event] == largest) {
      ++cut;
    } else {
      ++frame[event];
    }
  }
  return cut;
}

std::uint64_t write_npy(const event_store& store, const output_file& output) {
  expect_output(output.path(), words_of_frames(store),
                store.frames() * store.description().shape.pixels() * sizeof(std::uint16_t));
  raw_output file(output);
  const std::string header = npy_header_of("<u2", dense_extent(store.description().scan, store.description().shape));
  file.append(header.data(), header.size());
  std::vector<std::uint16_t> frame(static_cast<std::size_t>(store.description().shape.pixels()));
  std::uint64_t cut = 0;
  for_each_block(store, [&](const event_batch& block) {
    for (std::size_t i = 0; i < block.frames(); ++i) {
      cut += make_dense(block.events(i), frame);
      file.append(frame);
    }
  });
  return cut;
}

/// One dataset /data, one chunk per frame, for programs that want 16-bit counts or no bytes behind the compressed ones; beside
/// it the coordinates of its axes, and both as NeXus.
std::uint64_t write_hdf5(const event_store& store, const output_file& output) {
  auto lock = hdf5_lock();
  hdf5_handle file = create_export(output);
  const std::vector<hsize_t> extent = layout::data_extent(store.description());
  const int rank = static_cast<int>(extent.size());
  std::vector<hsize_t> chunk = extent;
  std::fill(chunk.begin(), chunk.end() - 2, hsize_t{1});
  const hdf5_handle space(H5Screate_simple(rank, extent.data(), nullptr), "data");
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "data");
  hdf5_check(H5Pset_chunk(creation, rank, chunk.data()), "data");
  compress(creation, {.shuffle = false, .deflate = 1}, "data");
  hdf5_handle data(H5Dcreate2(file, "data", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
  write_attribute(data, "units", "electrons");
  write_attribute(data, "interpretation", "image");
  const std::vector<std::string> axes = layout::axis_names(store.description().scan);
  write_axes(file, store.description(), axes);
  link_plot(file, store.description(), "data", axes);
  std::vector<std::uint16_t> frame(static_cast<std::size_t>(store.description().shape.pixels()));
  std::uint64_t cut = 0;
  lock.unlock();
  for_each_block(store, [&](const event_batch& block) {
    for (std::size_t i = 0; i < block.frames(); ++i) {
      if (block.events(i).empty()) continue;  // reads as zeros
      cut += make_dense(block.events(i), frame);
      write_slab<std::uint16_t>(data, {layout::chunk_offset(store.description().scan, block.first_frame + i), chunk}, frame,
                                output.path().string() + ": data");
    }
  });
  lock.lock();
  data.close(output.path().string());
  close_hdf5(file, output.path().string());
  return cut;
}

/// Returns how many events did not fit into the counts.
using dense_writer = std::uint64_t (*)(const event_store&, const output_file&);

/// By the output's name.
dense_writer writer_for(const std::filesystem::path& output) {
  const std::string ending = output.extension().string();
  if (ending == ".npy") return &write_npy;
  if (ending == ".h5" || ending == ".hdf5") return &write_hdf5;
  throw invalid_argument(output.string() + ": a dense export is a .npy, .h5 or .hdf5 file; name the output so");
}

bool is_own_dense(const std::filesystem::path& path) {
  return is_own_npy(path) || is_own_hdf5_export(path);
}

}  // namespace

export_losses export_dense(const event_store& store, const std::filesystem::path& path, const output_rules& rules) {
  const dense_writer write = writer_for(path);
  output_file output(path, dense_output, rules);
  const std::uint64_t cut = write(store, output);
  output.finish();
  return {0, cut};
}

const output_kind dense_output{"a dense export of countem", is_own_dense};

}  // namespace countem::io
