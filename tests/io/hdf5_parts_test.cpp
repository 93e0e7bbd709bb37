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

/// A virtual dataset made piece by piece.
struct pieced_source : hdf5_source {
  hdf5_handle creation{H5Pcreate(H5P_DATASET_CREATE), "creation"};

  static hdf5_handle space_of(const std::vector<hsize_t>& extent) {
    return {H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), "space"};
  }

  hdf5_handle part(const std::string& name) {
    return {H5Fcreate((scratch / name).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), name};
  }

  /// The whole source, or its first frames, become frames first, first + step and so on of `extent`.
  void map(const std::vector<hsize_t>& extent, hsize_t first, hsize_t step, const std::string& name,
           const std::vector<hsize_t>& of_source, hsize_t of_these = 0, const char* dataset = "data") {
    const hdf5_handle where = space_of(extent);
    const hdf5_handle from = space_of(of_source);
    const hsize_t start[] = {first, 0, 0};
    const hsize_t stride[] = {step, 1, 1};
    const hsize_t count[] = {of_these != 0 ? of_these : of_source.size() == 2 ? 1 : of_source.front(), extent[1], extent[2]};
    if (of_these != 0) {
      const hsize_t origin[] = {0, 0, 0};
      io::hdf5_check(H5Sselect_hyperslab(from, H5S_SELECT_SET, origin, nullptr, count, nullptr), name);
    }
    io::hdf5_check(H5Sselect_hyperslab(where, H5S_SELECT_SET, start, stride, count, nullptr), name);
    io::hdf5_check(H5Pset_virtual(creation, where, name.c_str(), dataset, from), name);
  }

  void make(hid_t location, const std::vector<hsize_t>& extent) {
    const hdf5_handle made(H5Dcreate2(location, "data", H5T_STD_U16LE, space_of(extent), H5P_DEFAULT, creation, H5P_DEFAULT),
                           "data");
  }
};

TEST_F(pieced_source, what_a_source_never_wrote_is_missing) {
  put_some(part("a.h5"), "data", {3, 4, 5}, {1, 4, 5}, {0, 2}, 0);
  put_some(part("b.h5"), "data", {3, 4, 5}, {1, 4, 5}, {1}, 65535, 3);
  map({6, 4, 5}, 0, 1, "a.h5", {3, 4, 5});
  map({6, 4, 5}, 3, 1, "b.h5", {3, 4, 5});
  make(file, {6, 4, 5});
  const auto source = open();
  expect_issue(source->info(), "unwritten_frame", 1, {"of the 6 frames", "3 were never written", "frame 1"});
  expect_there(*source, {0, 2, 4});
}

TEST_F(pieced_source, frames_of_sources_that_alternate_keep_their_places) {
  put_some(part("even.h5"), "data", {4, 4, 5}, {2, 4, 5}, {}, 0);
  {
    const hdf5_handle odd = part("odd.h5");
    put_some(odd, "data", {4, 4, 5}, {1, 4, 5}, {0, 1, 3}, 0);
  }
  map({8, 4, 5}, 0, 2, "even.h5", {4, 4, 5});
  map({8, 4, 5}, 1, 2, "odd.h5", {4, 4, 5});
  make(file, {8, 4, 5});
  const auto source = open();
  frame_batch batch;
  source->read(0, 8, batch);
  for (std::uint64_t frame = 0; frame < 8; ++frame)
    EXPECT_EQ(batch.frames[frame].present != 0, frame % 2 == 1 && frame != 5) << frame;
  EXPECT_EQ(source->info().missing_frames, 5U);
}

TEST_F(pieced_source, a_missing_source_takes_its_own_frames_alone) {
  put(part("even.h5"), "data", {4, 4, 5}, {});
  map({8, 4, 5}, 0, 2, "even.h5", {4, 4, 5});
  map({8, 4, 5}, 1, 2, "gone.h5", {4, 4, 5});
  make(file, {8, 4, 5});
  const auto source = open();
  EXPECT_EQ(source->info().missing_frames, 4U);
  expect_issue(source->info(), "missing_file", 1, {"gone.h5"});
}

/// Frames first, first + step and so on, as many as the source has by and by.
struct growing_source : pieced_source {
  void map_growing(hsize_t first, hsize_t step, hsize_t block, const std::string& name) {
    const hsize_t now[] = {4, 4, 5};
    const hsize_t most[] = {H5S_UNLIMITED, 4, 5};
    const hdf5_handle where(H5Screate_simple(3, now, most), name);
    const hdf5_handle from(H5Screate_simple(3, now, most), name);
    const hsize_t start[] = {first, 0, 0};
    const hsize_t origin[] = {0, 0, 0};
    const hsize_t stride[] = {step, 1, 1};
    const hsize_t side_by_side[] = {block, 1, 1};
    const hsize_t count[] = {H5S_UNLIMITED, 1, 1};
    const hsize_t blocks[] = {block, 4, 5};
    io::hdf5_check(H5Sselect_hyperslab(where, H5S_SELECT_SET, start, stride, count, blocks), name);
    io::hdf5_check(H5Sselect_hyperslab(from, H5S_SELECT_SET, origin, side_by_side, count, blocks), name);
    io::hdf5_check(H5Pset_virtual(creation, where, name.c_str(), "data", from), name);
  }
  void make_growing() {
    const hsize_t now[] = {4, 4, 5};
    const hsize_t most[] = {H5S_UNLIMITED, 4, 5};
    const hdf5_handle space(H5Screate_simple(3, now, most), "space");
    const hdf5_handle made(H5Dcreate2(file, "data", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
  }
};

TEST_F(growing_source, all_that_it_has_by_now_is_there) {
  put(part("a.h5"), "data", {6, 4, 5}, {1, 4, 5});
  map_growing(0, 1, 1, "a.h5");
  make_growing();
  expect_there(*open(), {0, 1, 2, 3, 4, 5});
}

TEST_F(growing_source, what_it_never_wrote_is_missing) {
  put_some(part("a.h5"), "data", {6, 4, 5}, {1, 4, 5}, {0, 1, 3, 5}, 7);
  map_growing(0, 1, 1, "a.h5");
  make_growing();
  expect_there(*open(), {0, 1, 3, 5});
}

TEST_F(growing_source, one_of_two_that_has_fewer_lacks_them) {
  // Frames 0, 1, 4, 5, 8, 9 of one and 2, 3, 6, 7 of the other, of which the last was never written.
  put_some(part("a.h5"), "data", {6, 4, 5}, {1, 4, 5}, {0, 1, 2, 3, 4, 5}, 0);
  put_some(part("b.h5"), "data", {4, 4, 5}, {1, 4, 5}, {0, 1, 2}, 0);
  map_growing(0, 4, 2, "a.h5");
  map_growing(2, 4, 2, "b.h5");
  make_growing();
  const auto source = open();
  ASSERT_EQ(source->info().scan.frames(), 10U);
  frame_batch batch;
  source->read(0, 10, batch);
  for (std::uint64_t frame = 0; frame < 10; ++frame) EXPECT_EQ(batch.frames[frame].present != 0, frame != 7) << frame;
}

TEST_F(pieced_source, one_image_a_source) {
  for (int image = 0; image < 3; ++image) {
    const std::string name = "image" + std::to_string(image) + ".h5";
    if (image != 1) {
      put(part(name), "data", {4, 5}, {}, static_cast<std::uint64_t>(image));
    } else {
      const std::uint16_t fill = 9;
      const hdf5_handle chunked(H5Pcreate(H5P_DATASET_CREATE), "chunked");
      const hsize_t chunk[] = {4, 5};
      H5Pset_chunk(chunked, 2, chunk);
      H5Pset_fill_value(chunked, H5T_NATIVE_UINT16, &fill);
      const hdf5_handle made(H5Dcreate2(part(name), "data", H5T_STD_U16LE, space_of({4, 5}), H5P_DEFAULT, chunked, H5P_DEFAULT),
                             name);
    }
    map({3, 4, 5}, static_cast<hsize_t>(image), 1, name, {4, 5});
  }
  make(file, {3, 4, 5});
  expect_there(*open(), {0, 2});
}

TEST_F(pieced_source, frames_that_no_source_holds_are_missing) {
  put(part("a.h5"), "data", {2, 4, 5}, {});
  map({5, 4, 5}, 0, 1, "a.h5", {2, 4, 5});
  make(file, {5, 4, 5});
  const auto source = open();
  expect_issue(source->info(), "unwritten_frame", 1, {"3 were never written", "frame 2"});
  expect_there(*source, {0, 1});
}

TEST_F(pieced_source, a_source_shorter_than_it_was_taken_for_lacks_its_end) {
  put(part("a.h5"), "data", {2, 4, 5}, {});
  map({5, 4, 5}, 0, 1, "a.h5", {6, 4, 5}, 5);
  make(file, {5, 4, 5});
  expect_there(*open(), {0, 1});
}

TEST_F(pieced_source, a_source_may_lie_in_the_same_file_by_a_path_from_its_root) {
  put_some(file, "recorded", {3, 4, 5}, {1, 4, 5}, {0, 2}, 7);
  map({3, 4, 5}, 0, 1, ".", {3, 4, 5}, 0, "recorded");
  make(file, {3, 4, 5});
  file.close();
  expect_there(*open("/data"), {0, 2});
}

TEST_F(pieced_source, virtual_sources_are_followed) {
  put_some(part("a.h5"), "data", {3, 4, 5}, {1, 4, 5}, {0, 2}, 0);
  map({4, 4, 5}, 0, 1, "a.h5", {3, 4, 5});
  map({4, 4, 5}, 3, 1, "gone.h5", {1, 4, 5});
  make(part("between.h5"), {4, 4, 5});
  creation = {H5Pcreate(H5P_DATASET_CREATE), "creation"};
  map({4, 4, 5}, 0, 1, "between.h5", {4, 4, 5});
  make(file, {4, 4, 5});
  expect_there(*open(), {0, 2});
}

/// Frames of two modules, columns 0 and 1 and columns 3 and 4, which lie in files of their own.
struct modules_source : pieced_source {
  /// The first `frames` frames of the module's file become those of the dataset of 4.
  void map_module(const std::string& name, hsize_t column, hsize_t frames) {
    const hdf5_handle where = space_of({4, 4, 5});
    const hdf5_handle from = space_of({4, 4, 5});
    const hsize_t start[] = {0, 0, column};
    const hsize_t count[] = {frames, 4, 2};
    io::hdf5_check(H5Sselect_hyperslab(where, H5S_SELECT_SET, start, nullptr, count, nullptr), name);
    io::hdf5_check(H5Sselect_hyperslab(from, H5S_SELECT_SET, start, nullptr, count, nullptr), name);
    io::hdf5_check(H5Pset_virtual(creation, where, name.c_str(), "data", from), name);
  }

  void expect_gap(const frame_source& source, const std::vector<std::uint64_t>& there) {
    std::vector<std::uint8_t> gap(20);
    for (std::size_t row = 0; row < 4; ++row) gap[row * 5 + 2] = 1;
    EXPECT_EQ(source.info().masked, gap);
    expect_issue(source.info(), "unmapped_pixels", 1, {"4 of its 20 pixels in any frame", "masked"});
    frame_batch batch;
    source.read(0, 4, batch);
    for (std::uint64_t frame = 0; frame < 4; ++frame) {
      const bool is_there = std::find(there.begin(), there.end(), frame) != there.end();
      EXPECT_EQ(batch.frames[frame].present != 0, is_there) << frame;
      if (!is_there) continue;
      std::vector<std::uint16_t> expected = pattern_frame(frame, small);
      std::vector<std::uint16_t> read = pixels_of<std::uint16_t>(batch.frames[frame]);
      for (std::size_t pixel = 0; pixel < 20; ++pixel) EXPECT_TRUE(gap[pixel] != 0 || read[pixel] == expected[pixel]) << pixel;
    }
  }
};

TEST_F(modules_source, a_module_that_all_frames_lack_is_named) {
  put(part("a.h5"), "data", {4, 4, 5}, {});
  map_module("a.h5", 0, 4);
  map_module("gone.h5", 3, 4);
  make(file, {4, 4, 5});
  refuse({"frames.h5", "dataset /data: of 4 frames not one is there", "gone.h5, which cannot be opened"});
}

TEST_F(modules_source, what_lies_between_modules_is_masked) {
  put(part("a.h5"), "data", {4, 4, 5}, {});
  map_module("a.h5", 0, 4);
  map_module("a.h5", 3, 4);
  make(file, {4, 4, 5});
  expect_gap(*open(), {0, 1, 2, 3});
}

TEST_F(modules_source, frames_that_lack_a_module_are_missing) {
  put(part("a.h5"), "data", {4, 4, 5}, {});
  put_some(part("b.h5"), "data", {4, 4, 5}, {1, 4, 5}, {0, 1, 2}, 0);
  map_module("a.h5", 0, 4);
  map_module("b.h5", 3, 2);  // not of frames 2 and 3
  make(file, {4, 4, 5});
  const auto source = open();
  expect_gap(*source, {0, 1});
  expect_issue(source->info(), "unwritten_frame", 1, {"2 were never written", "frame 2"});
}

TEST_F(modules_source, gaps_of_virtual_sources_are_those_of_the_whole) {
  put(part("a.h5"), "data", {4, 4, 5}, {});
  map_module("a.h5", 0, 4);
  map_module("a.h5", 3, 4);
  make(part("between.h5"), {4, 4, 5});
  creation = {H5Pcreate(H5P_DATASET_CREATE), "creation"};
  map({4, 4, 5}, 0, 1, "between.h5", {4, 4, 5});
  make(file, {4, 4, 5});
  expect_gap(*open(), {0, 1, 2, 3});
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
