#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "tests/io/source_fixture.hpp"

// HDF5 files of frames, and what a source makes of them.
namespace countem::testing_io {

inline constexpr frame_shape small{4, 5};

struct hdf5_source : ::testing::Test {
  temporary_directory scratch;
  fs::path path = scratch / "frames.h5";
  std::unique_lock<std::recursive_mutex> lock = io::hdf5_lock();
  io::hdf5_handle file{H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "test file"};

  /// Pattern frames under `name`, in chunks when given.
  void put(hid_t location, const std::string& name, const std::vector<hsize_t>& extent, const std::vector<hsize_t>& chunk = {},
           std::uint64_t first = 0) {
    std::vector<std::uint16_t> all;
    std::uint64_t frames = 1;
    for (std::size_t axis = 0; axis + 2 < extent.size(); ++axis) frames *= extent[axis];
    const frame_shape shape{static_cast<std::uint32_t>(*(extent.end() - 2)), static_cast<std::uint32_t>(extent.back())};
    for (std::uint64_t frame = first; frame < first + frames; ++frame) {
      const auto pixels = pattern_frame(frame, shape);
      all.insert(all.end(), pixels.begin(), pixels.end());
    }
    if (chunk.empty()) return io::write_dataset<std::uint16_t>(location, name, extent, all.data());
    const io::hdf5_handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), name);
    const io::hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(creation, 1);
    const io::hdf5_handle dataset(H5Dcreate2(location, name.c_str(), H5T_STD_U16BE, space, H5P_DEFAULT, creation, H5P_DEFAULT),
                                  name);
    io::hdf5_check(H5Dwrite(dataset, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()), name);
  }

  /// A chunked dataset of which only these frames are written; the pattern of the first is that of `offset`.
  void put_some(hid_t location, const std::string& name, const std::vector<hsize_t>& extent, const std::vector<hsize_t>& chunk,
                const std::vector<std::uint64_t>& frames, std::uint16_t fill, std::uint64_t offset = 0) {
    const io::hdf5_handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), name);
    const io::hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_fill_value(creation, H5T_NATIVE_UINT16, &fill);
    const io::hdf5_handle dataset(
        H5Dcreate2(location, name.c_str(), H5T_NATIVE_UINT16, space, H5P_DEFAULT, creation, H5P_DEFAULT), name);
    for (const std::uint64_t frame : frames) {
      std::vector<hsize_t> start(extent.size(), 0);
      std::vector<hsize_t> count(extent.size(), 1);
      std::uint64_t left = frame;
      for (std::size_t axis = extent.size() - 2; axis-- > 0; left /= extent[axis]) start[axis] = left % extent[axis];
      std::copy(extent.end() - 2, extent.end(), count.end() - 2);
      io::write_slab(dataset, {start, count}, H5T_NATIVE_UINT16, pattern_frame(offset + frame, small).data(), name);
    }
  }

  void expect_there(const frame_source& source, const std::vector<std::uint64_t>& frames) {
    frame_batch batch;
    source.read(0, source.info().scan.frames(), batch);
    for (std::uint64_t frame = 0; frame < batch.frames.size(); ++frame) {
      const bool there = std::find(frames.begin(), frames.end(), frame) != frames.end();
      EXPECT_EQ(batch.frames[frame].present != 0, there) << frame;
      if (!there) continue;
      EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[frame]), pattern_frame(frame, small)) << frame;
    }
    EXPECT_EQ(source.info().missing_frames, source.info().scan.frames() - frames.size());
  }

  /// All pattern frames, in the order of a scan.
  void expect_frames(const frame_source& source, scan_shape scan, const std::string& axes) {
    EXPECT_EQ(source.info().shape, small);
    EXPECT_EQ(source.info().scan, scan);
    EXPECT_EQ(source.info().axes, axes);
    expect_pattern(source, 5);
    expect_pattern(source, 1);
  }

  io::hdf5_handle group(const std::string& name) {
    return {H5Gcreate2(file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), name};
  }

  std::unique_ptr<frame_source> open(const std::string& dataset = {}) {
    file.close();
    source_options options;
    options.dataset = dataset;
    return open_source({path}, options);
  }

  void refuse(const std::vector<std::string>& words, const std::string& dataset = {},
              const std::optional<std::vector<advice>>& expected = std::nullopt) {
    file.close();
    source_options options;
    options.dataset = dataset;
    expect_error<format_error>({path}, options, words, expected);
  }
};

}  // namespace countem::testing_io
