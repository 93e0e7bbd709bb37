#include <fstream>
#include <map>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "tests/io/hdf5_fixture.hpp"

// What was never written, or lies in files that are not there, is missing; what is there keeps its place.
namespace countem::testing_io {
namespace {

using io::hdf5_handle;

struct written : hdf5_source {
  /// Datasets of two frames each in files of their own, as DECTRIS writes them; 0 frames: a link that leads nowhere.
  void put_runs(const std::map<int, std::uint64_t>& frames_of_run, bool numbered, std::uint64_t images = 0,
                std::int64_t base = 1) {
    const hdf5_handle data = runs_group();
    for (const auto& [number, frames] : frames_of_run) {
      const std::string name = "part_" + std::to_string(number) + ".h5";
      if (frames > 0) {
        const std::uint64_t first = 2 * static_cast<std::uint64_t>(number - 1);
        const hdf5_handle part(H5Fcreate((scratch / name).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), name);
        put(part, "data", {frames, 4, 5}, {1, 4, 5}, first);
        const hdf5_handle dataset(H5Dopen2(part, "data", H5P_DEFAULT), name);
        if (numbered) io::write_attribute(dataset, "image_nr_low", base + static_cast<std::int64_t>(first));
      }
      H5Lcreate_external(name.c_str(), "/data", data, ("data_00000" + std::to_string(number)).c_str(), H5P_DEFAULT,
                         H5P_DEFAULT);
    }
    if (images > 0) put_total("nimages", images);
  }

  void put_total(const std::string& name, std::uint64_t number) {
    io::write_dataset<std::uint64_t>(file, "entry/instrument/detector/detectorSpecific/" + name, {1}, &number);
  }

  hdf5_handle runs_group() {
    const hdf5_handle entry = group("entry");
    return group("entry/data");
  }
};

TEST_F(written, frames_of_chunks_that_were_never_written_are_missing) {
  for (const std::uint16_t fill : {std::uint16_t{0}, std::uint16_t{65535}}) {
    put_some(file, "data" + std::to_string(fill), {10, 4, 5}, {1, 4, 5}, {0, 1, 2, 7, 8, 9}, fill);
    {
      const auto source = open("data" + std::to_string(fill));
      expect_issue(source->info(), "unwritten_frame", 1, {"of the 10 frames", "4 were never written", "frame 3"});
      expect_there(*source, {0, 1, 2, 7, 8, 9});
    }
    file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  }
  put_some(file, "scan", {3, 4, 4, 5}, {1, 2, 2, 5}, {0, 1, 6, 7, 10, 11}, 7);
  expect_there(*open("scan"), {0, 1, 6, 7, 10, 11});
}

TEST_F(written, a_frame_that_lacks_one_of_its_chunks_is_missing) {
  const std::vector<hsize_t> extent{3, 4, 5};
  const std::vector<hsize_t> chunk{1, 2, 5};
  {
    const hdf5_handle space(H5Screate_simple(3, extent.data(), nullptr), "space");
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    H5Pset_chunk(creation, 3, chunk.data());
    const hdf5_handle dataset(H5Dcreate2(file, "data", H5T_NATIVE_UINT16, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
    const std::vector<std::uint16_t> half(10, 3);
    for (const hsize_t frame : {0U, 1U, 2U}) {
      for (const hsize_t row : {0U, 2U}) {
        if (frame == 1 && row == 2) continue;
        io::write_slab(dataset, {{frame, row, 0}, {1, 2, 5}}, H5T_NATIVE_UINT16, half.data(), "data");
      }
    }
  }
  EXPECT_EQ(open()->info().missing_frames, 1U);
}

TEST_F(written, external_bytes_that_are_cut_short_are_missing) {
  const std::vector<hsize_t> extent{6, 4, 5};
  {
    const hdf5_handle space(H5Screate_simple(3, extent.data(), nullptr), "space");
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    H5Pset_external(creation, "first.raw", 8, 3 * 40);
    H5Pset_external(creation, "second.raw", 0, H5F_UNLIMITED);
    const hdf5_handle dataset(H5Dcreate2(file, "data", H5T_NATIVE_UINT16, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
  }
  const auto put_raw = [&](const char* name, std::size_t offset, std::uint64_t first, std::size_t bytes) {
    std::string content(offset, '\0');
    for (std::uint64_t frame = first; frame < first + 3; ++frame) {
      const auto pixels = pattern_frame(frame, small);
      content.append(reinterpret_cast<const char*>(pixels.data()), 40);
    }
    content.resize(offset + bytes);
    std::ofstream(scratch / name, std::ios::binary) << content;
  };
  put_raw("first.raw", 8, 0, 2 * 40 + 39);  // frame 2 lacks its last byte
  put_raw("second.raw", 0, 3, 2 * 40);      // frame 5 is not there
  const auto source = open();
  expect_issue(source->info(), "unwritten_frame", 1, {"2 were never written", "frame 2"});
  expect_there(*source, {0, 1, 3, 4});
}

TEST_F(written, runs_are_placed_by_number) {
  put_runs({{1, 2}, {2, 0}, {3, 2}}, false);
  const auto source = open();
  expect_issue(source->info(), "missing_file", 1, {"data_000002", "part_2.h5", "its 2 frames are missing"});
  expect_there(*source, {0, 1, 4, 5});
}

TEST_F(written, a_run_without_a_link_lacks_too) {
  put_runs({{1, 2}, {3, 2}}, false);
  const auto source = open();
  expect_issue(source->info(), "missing_dataset", 1, {"data_000003", "number 2"});
  expect_there(*source, {0, 1, 4, 5});
}

TEST_F(written, the_first_run_lacks) {
  put_runs({{2, 2}, {3, 1}}, false);
  expect_there(*open(), {2, 3, 4});
}

TEST_F(written, the_only_run_that_is_there_is_placed_by_the_total) {
  put_runs({{1, 0}, {2, 2}}, false, 4);
  expect_there(*open(), {2, 3});
}

TEST_F(written, the_only_run_that_is_there_is_placed_by_its_image_numbers) {
  put_runs({{2, 2}}, true);
  expect_there(*open(), {2, 3});
}

TEST_F(written, the_last_run_is_as_long_as_the_others_or_as_the_total_leaves) {
  put_runs({{1, 2}, {2, 2}, {3, 0}}, false);
  expect_there(*open(), {0, 1, 2, 3});
}

TEST_F(written, a_total_ends_the_scan) {
  put_runs({{1, 2}, {2, 2}, {3, 0}}, true, 5);
  const auto source = open();
  EXPECT_EQ(source->info().scan.frames(), 5U);
  expect_there(*source, {0, 1, 2, 3});
}

TEST_F(written, frames_that_an_aborted_scan_never_took_are_missing) {
  put_runs({{1, 2}, {2, 1}}, true, 8);
  const auto source = open();
  EXPECT_EQ(source->info().scan.frames(), 8U);
  expect_there(*source, {0, 1, 2});
}

TEST_F(written, a_run_whose_place_nothing_shows_is_refused) {
  put_runs({{1, 0}, {2, 0}, {3, 2}}, false, 7);
  refuse({"frames.h5", "data_000003", "image_nr_low"});
}

TEST_F(written, what_should_be_a_number_is_refused_with_its_file_and_place) {
  put_runs({{1, 2}, {2, 2}}, false, 4);
  {
    const hdf5_handle part(H5Fopen((scratch / "part_2.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "part_2.h5");
    const hdf5_handle dataset(H5Dopen2(part, "data", H5P_DEFAULT), "data");
    io::write_attribute(dataset, "image_nr_low", "3");
  }
  refuse({"part_2.h5: /data: attribute image_nr_low", "numbers"});
  fs::remove(scratch / "part_2.h5");
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  const std::string total = "entry/instrument/detector/detectorSpecific/nimages";
  H5Ldelete(file, total.c_str(), H5P_DEFAULT);
  const double half = 2.5;
  io::write_dataset<double>(file, total, {1}, &half);
  refuse({"frames.h5: dataset", "nimages"});
}

TEST_F(written, frames_behind_the_last_run_are_missing_with_a_sentence) {
  put_runs({{1, 2}, {2, 2}}, false, 6);
  const auto source = open();
  EXPECT_EQ(source->info().scan.frames(), 6U);
  expect_issue(source->info(), "missing_dataset", 1, {"datasets of 4 frames, and 6 by nimages", "the last 2 are missing"});
  expect_there(*source, {0, 1, 2, 3});
}

TEST_F(written, images_of_triggers_whose_number_is_not_stated_are_of_one) {
  put_runs({{1, 2}, {2, 2}}, false, 6);
  EXPECT_EQ(open()->info().scan.frames(), 6U);
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  put_total("ntrigger", 2);
  EXPECT_EQ(open()->info().scan.frames(), 12U);
}

TEST_F(written, triggers_alone_are_no_total) {
  put_runs({{1, 2}, {2, 2}}, false);
  put_total("ntrigger", 6);
  EXPECT_EQ(open()->info().scan.frames(), 4U);
}

TEST_F(written, the_total_shows_how_many_frames_lack) {
  put_runs({{1, 1}, {3, 2}}, false, 6);
  const auto source = open();
  expect_issue(source->info(), "missing_dataset", 1, {"data_000003, but none of number 2: its 3 frames are missing"});
  frame_batch batch;
  source->read(0, 6, batch);
  for (std::uint64_t frame = 0; frame < 6; ++frame)
    EXPECT_EQ(batch.frames[frame].present != 0, frame == 0 || frame > 3) << frame;
}

TEST_F(written, images_are_counted_from_0_where_the_first_dataset_is) {
  put_runs({{1, 2}, {2, 2}, {3, 2}}, true, 6, 0);
  const auto source = open();
  EXPECT_TRUE(source->info().issues.empty());
  expect_there(*source, {0, 1, 2, 3, 4, 5});
}

TEST_F(written, images_are_counted_from_0_where_the_lengths_show_it) {
  put_runs({{1, 0}, {2, 2}, {3, 2}}, true, 6, 0);
  const auto source = open();
  expect_issue(source->info(), "missing_file", 1, {"data_000001", "its 2 frames are missing"});
  expect_there(*source, {2, 3, 4, 5});
}

TEST_F(written, datasets_that_lack_in_a_row_share_a_gap) {
  put_runs({{1, 0}, {2, 0}, {3, 2}}, true);
  const auto source = open();
  expect_issue(source->info(), "missing_file", 2, {"data_000001", "2 datasets in a row", "4 frames are missing"});
  expect_there(*source, {4, 5});
}

TEST_F(written, frames_between_datasets_are_missing_with_a_sentence) {
  put_runs({{1, 1}, {2, 2}}, true);
  const auto source = open();
  expect_issue(source->info(), "missing_dataset", 1, {"data_000002 begins with image 3", "1 frames before it"});
  expect_there(*source, {0, 2, 3});
}

TEST_F(written, a_total_that_nothing_bears_out_is_not_believed) {
  put_runs({{1, 2}, {2, 2}}, false, std::uint64_t{1} << 27U);
  const auto source = open();
  EXPECT_EQ(source->info().scan.frames(), 4U);
  expect_issue(source->info(), "implausible_total", 1, {"claims 134217728 frames", "4 were found"});
}

TEST_F(written, a_run_that_was_made_and_never_written_is_missing) {
  for (const hsize_t made : {3U, 0U}) {
    SCOPED_TRACE(made);
    const fs::path part = scratch / "part_2.h5";
    if (made == 3) put_runs({{1, 2}, {2, 2}, {3, 2}}, false);
    {
      const hdf5_handle holder(H5Fcreate(part.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "part");
      const hsize_t extent[] = {made, 4, 5};
      const hsize_t most[] = {H5S_UNLIMITED, 4, 5};
      const hsize_t chunk[] = {1, 4, 5};
      const hdf5_handle space(H5Screate_simple(3, extent, most), "space");
      const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
      H5Pset_chunk(creation, 3, chunk);
      const hdf5_handle dataset(H5Dcreate2(holder, "data", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
    }
    const auto source = open();
    expect_issue(source->info(), "unwritten_dataset", 1,
                 {"data_000002", "never written: its " + std::to_string(made == 3 ? 3 : 2) + " frames"});
    EXPECT_EQ(source->info().scan.frames(), made == 3 ? 7U : 6U);
    EXPECT_EQ(source->info().missing_frames, made == 3 ? 3U : 2U);
  }
}

}  // namespace
}  // namespace countem::testing_io
