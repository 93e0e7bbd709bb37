// Frames of HDF5 datasets whose bytes lie in other files.
#include <algorithm>
#include <fstream>

#include "tests/io/hdf5_fixture.hpp"

namespace countem::testing_io {
namespace {

using io::hdf5_handle;

/// Frames 0 to 5 as a virtual dataset of three files of two frames each, those that `there` names written.
struct virtual_source : hdf5_source {
  void make(const std::vector<int>& there) {
    const hsize_t extent[] = {6, 4, 5};
    const hsize_t of_part[] = {2, 4, 5};
    const hdf5_handle space(H5Screate_simple(3, extent, nullptr), "space");
    const hdf5_handle part_space(H5Screate_simple(3, of_part, nullptr), "part");
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    for (int part = 0; part < 3; ++part) {
      const std::string name = "part" + std::to_string(part) + ".h5";
      const hsize_t start[] = {static_cast<hsize_t>(2 * part), 0, 0};
      io::hdf5_check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, of_part, nullptr), name);
      io::hdf5_check(H5Pset_virtual(creation, space, name.c_str(), "data", part_space), name);
      if (std::find(there.begin(), there.end(), part) == there.end()) continue;
      const hdf5_handle holder(H5Fcreate((scratch / name).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), name);
      put(holder, "data", {2, 4, 5}, {}, static_cast<std::uint64_t>(2 * part));
    }
    io::hdf5_check(H5Sselect_all(space), "space");
    const hdf5_handle made(H5Dcreate2(file, "data", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
  }
};

TEST_F(virtual_source, holds_the_frames_of_its_parts) {
  make({0, 1, 2});
  const auto source = open();
  EXPECT_EQ(source->info().missing_frames, 0U);
  EXPECT_TRUE(source->info().issues.empty());
  EXPECT_EQ(source->info().files.size(), 4U);
  expect_pattern(*source);
}

TEST_F(virtual_source, frames_of_a_part_that_is_not_there_are_missing_and_never_zeros) {
  make({0, 2});
  const auto source = open();
  EXPECT_EQ(source->info().missing_frames, 2U);
  ASSERT_EQ(source->info().issues.size(), 1U);
  EXPECT_EQ(source->info().issues.front().kind, "missing_file");
  EXPECT_NE(source->info().issues.front().text.find("part1.h5"), std::string::npos);
  frame_batch batch;
  source->read(0, 6, batch);
  for (std::uint64_t frame = 0; frame < 6; ++frame) {
    const bool is_there = frame < 2 || frame > 3;
    EXPECT_EQ(batch.frames[frame].present != 0, is_there);
    if (!is_there) continue;
    EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[frame]), pattern_frame(frame, small));
  }
}

TEST_F(virtual_source, bytes_from_another_folder_are_refused_by_name) {
  std::filesystem::create_directory(scratch / "out");
  std::ofstream(scratch / "out" / "raw.bin") << std::string(4 * 5 * 3, 's');
  const hsize_t extent[] = {3, 4, 5};
  const hdf5_handle space(H5Screate_simple(3, extent, nullptr), "space");
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
  io::hdf5_check(H5Pset_external(creation, "out/raw.bin", 0, 4 * 5 * 3), "external");
  hdf5_handle made(H5Dcreate2(file, "data", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
  made.close();
  refuse({"frames.h5", "dataset /data", "out/raw.bin", "not beside"});
}

}  // namespace
}  // namespace countem::testing_io
