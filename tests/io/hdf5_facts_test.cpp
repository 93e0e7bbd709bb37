#include <numeric>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "tests/io/hdf5_fixture.hpp"

// What a file holds beside its frames: masks, the scan, other files; and files that are still being written.
namespace countem::testing_io {
namespace {

using io::hdf5_handle;

const std::string detector_facts = "entry/instrument/detector/detectorSpecific/";

std::vector<std::uint32_t> mask_of(std::size_t pixel, std::uint32_t reasons) {
  std::vector<std::uint32_t> mask(small.pixels(), 0);
  mask[pixel] = reasons;
  return mask;
}

TEST_F(hdf5_source, pixels_that_the_file_marks_are_known) {
  for (const char* place : {"entry/instrument/detector/detectorSpecific/pixel_mask", "entry/instrument/detector/pixel_mask",
                            "entry/data/pixel_mask"}) {
    put(file, "entry/data/movie", {3, 4, 5});
    io::write_dataset<std::uint32_t>(file, place, {4, 5}, mask_of(7, 0x8000'0000U).data());
    {
      const auto source = open("/entry/data/movie");
      std::vector<std::uint8_t> expected(small.pixels(), 0);
      expected[7] = 1;
      EXPECT_EQ(source->info().masked, expected) << place;
      expect_issue(source->info(), "pixel_mask", 1, {"1 of 20 pixels", place});
    }
    file = {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "anew"};
  }
}

TEST_F(hdf5_source, a_mask_without_marks_or_of_another_shape_is_none) {
  put(file, "entry/data/movie", {3, 4, 5});
  io::write_dataset<std::uint32_t>(file, detector_facts + "pixel_mask", {4, 5}, mask_of(7, 0).data());
  io::write_dataset<std::uint32_t>(file, "entry/data/pixel_mask", {5, 4}, mask_of(7, 1).data());
  const auto source = open("/entry/data/movie");
  EXPECT_TRUE(source->info().masked.empty());
  EXPECT_EQ(find_issue(source->info(), "pixel_mask"), nullptr);
  expect_issue(source->info(), "pixel_mask_unused", 1, {"/entry/data/pixel_mask", "5 x 4 elements, frames of 4 x 5"});
}

TEST_F(hdf5_source, all_but_0_masks_whatever_the_type_of_a_mask) {
  std::vector<double> marks(small.pixels(), 0);
  marks[1] = -1;
  marks[2] = .25;
  marks[3] = std::nan("");
  marks[4] = 1e12;
  put(file, "entry/instrument/detector/data", {3, 4, 5});
  io::write_dataset<double>(file, "entry/instrument/detector/pixel_mask", {1, 4, 5}, marks.data());
  const auto source = open();
  expect_issue(source->info(), "pixel_mask", 1, {"4 of 20 pixels"});
}

TEST_F(hdf5_source, a_mask_that_is_not_there_as_a_whole_masks_nothing_with_a_sentence) {
  put(file, "entry/instrument/detector/data", {3, 4, 5});
  {
    const hdf5_handle detector(H5Gopen2(file, "entry/instrument/detector", H5P_DEFAULT), "detector");
    H5Lcreate_external("gone.h5", "/mask", detector, "pixel_mask", H5P_DEFAULT, H5P_DEFAULT);
  }
  {
    const auto source = open();
    EXPECT_TRUE(source->info().masked.empty());
    expect_issue(source->info(), "pixel_mask_unused", 1, {"leads to no dataset"});
  }
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  H5Ldelete(file, "entry/instrument/detector/pixel_mask", H5P_DEFAULT);
  {
    const hsize_t extent[] = {4, 5};
    const hsize_t chunk[] = {2, 5};
    const hdf5_handle space(H5Screate_simple(2, extent, nullptr), "space");
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    const std::uint32_t fill = 1;
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_fill_value(creation, H5T_NATIVE_UINT32, &fill);
    const hdf5_handle mask(
        H5Dcreate2(file, "entry/instrument/detector/pixel_mask", H5T_NATIVE_UINT32, space, H5P_DEFAULT, creation, H5P_DEFAULT),
        "mask");
    const std::vector<std::uint32_t> good(10, 0);
    io::write_slab(mask, {{2, 0}, {2, 5}}, H5T_NATIVE_UINT32, good.data(), "mask");
  }
  const auto source = open();
  EXPECT_TRUE(source->info().masked.empty());
  expect_issue(source->info(), "pixel_mask_unused", 1, {"never written, or only in part"});
}

TEST_F(hdf5_source, a_mask_of_all_pixels_is_not_used) {
  put(file, "entry/data/movie", {3, 4, 5});
  io::write_dataset<std::uint32_t>(file, detector_facts + "pixel_mask", {4, 5}, std::vector<std::uint32_t>(20, 1).data());
  io::write_dataset<std::uint32_t>(file, "entry/data/pixel_mask", {4, 5}, mask_of(7, 1).data());
  const auto source = open("/entry/data/movie");
  EXPECT_EQ(std::accumulate(source->info().masked.begin(), source->info().masked.end(), 0), 1) << "the next one that is there";
  expect_issue(source->info(), "pixel_mask_unused", 1, {"all 20 pixels", "detectorSpecific", "not used"});
  expect_issue(source->info(), "pixel_mask", 1, {"1 of 20 pixels"});
}

/// A dataset of records, as tables of other programs are.
void put_records(hid_t file, const std::string& name, const std::vector<hsize_t>& extent) {
  const hdf5_handle type(H5Tcreate(H5T_COMPOUND, 8), name);
  H5Tinsert(type, "x", 0, H5T_NATIVE_FLOAT);
  H5Tinsert(type, "y", 4, H5T_NATIVE_FLOAT);
  const hdf5_handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), name);
  const hdf5_handle made(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), name);
}

TEST_F(hdf5_source, what_holds_no_numbers_is_not_taken_for_frames) {
  put_records(file, "records", {3, 4, 5});
  put_records(file, "image_of_records", {4, 5});
  file.close();
  refuse({"frames.h5", "holds no dataset of numbers with the axes of frames"});
  source_options image;
  image.image = small;
  expect_error<format_error>({path}, image, {"frames.h5", "holds no image of 4 x 5 numbers"});
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  put(file, "frames", {2, 4, 5});
  EXPECT_EQ(open()->info().dataset, "/frames");
}

TEST_F(hdf5_source, several_images_are_named_behind_the_file) {
  put(file, "dark", {4, 5});
  put(file, "gain", {4, 5});
  put_records(file, "records", {4, 5});
  file.close();
  source_options options;
  options.image = small;
  try {
    static_cast<void>(open_source({path}, options));
    FAIL();
  } catch (const format_error& reason) {
    EXPECT_EQ(reason.what(), path.string() + ": holds several datasets that may be the image (dark, gain)");
    EXPECT_EQ(reason.advised(), (std::vector<advice>{{advice_kind::dataset, "behind its file"}}));
  }
}

/// Eight frames in which pixels 3 and 4 hold sentinels always, and pixel 5 now and then.
std::vector<std::uint16_t> frames_with_sentinels() {
  std::vector<std::uint16_t> all;
  for (std::uint64_t frame = 0; frame < 8; ++frame) {
    std::vector<std::uint16_t> pixels = pattern_frame(frame, small);
    pixels[3] = 65535;
    pixels[4] = frame % 2 == 0 ? 65534 : 65535;
    if (frame % 3 == 0) pixels[5] = 65535;
    all.insert(all.end(), pixels.begin(), pixels.end());
  }
  return all;
}

TEST_F(hdf5_source, pixels_that_never_count_are_masked_in_files_of_dectris) {
  io::write_dataset<std::uint16_t>(file, "entry/data/data_000001", {8, 4, 5}, frames_with_sentinels().data(), 1);
  io::write_dataset<std::uint32_t>(file, detector_facts + "pixel_mask", {4, 5}, mask_of(7, 1).data());
  const auto source = open();
  std::vector<std::uint8_t> expected(small.pixels(), 0);
  expected[3] = expected[4] = expected[7] = 1;
  EXPECT_EQ(source->info().masked, expected);
  expect_issue(source->info(), "sentinel_pixels", 1, {"2 pixels", "masked"});
  expect_issue(source->info(), "pixel_mask", 1, {"1 of 20 pixels"});
}

TEST_F(hdf5_source, pixels_that_never_count_are_masked_however_frames_are_stored) {
  io::write_dataset<std::uint16_t>(file, "entry/data/data_000001", {8, 4, 5}, frames_with_sentinels().data());  // contiguous
  const auto source = open();
  std::vector<std::uint8_t> expected(small.pixels(), 0);
  expected[3] = expected[4] = 1;
  EXPECT_EQ(source->info().masked, expected);
  expect_issue(source->info(), "sentinel_pixels", 1, {"2 pixels", "masked"});
}

TEST_F(hdf5_source, the_greatest_number_of_other_programs_is_a_number) {
  io::write_dataset<std::uint16_t>(file, "movie", {8, 4, 5}, frames_with_sentinels().data(), 1);
  EXPECT_TRUE(open()->info().masked.empty());
}

TEST_F(hdf5_source, frames_without_sentinels_mask_nothing) {
  {
    const hdf5_handle entry = group("entry");
    const hdf5_handle data = group("entry/data");
    put(data, "data_000001", {3, 4, 5}, {1, 4, 5});
  }
  const auto source = open();
  EXPECT_TRUE(source->info().masked.empty());
  EXPECT_EQ(find_issue(source->info(), "sentinel_pixels"), nullptr);
}

TEST_F(hdf5_source, a_path_behind_the_name_is_a_dataset) {
  put(file, "a/first", {3, 4, 5});
  put(file, "a/second", {2, 4, 5});
  file.close();
  const auto named = [&](const std::string& dataset, const source_options& options = {}) {
    return open_source({path.string() + ":" + dataset}, options)->info().scan.frames();
  };
  EXPECT_EQ(named("/a/first"), 3U);
  EXPECT_EQ(named("/a/second"), 2U);
  source_options other;
  other.dataset = "/a/first";
  EXPECT_EQ(named("/a/first", other), 3U);
  EXPECT_THROW((void)named("/a/second", other), invalid_argument);
  EXPECT_THROW((void)named("/a/third"), format_error);
  // No such file: the sentence is about what was given.
  expect_error<io_error>([&] { (void)open_source({scratch / "absent.h5:/x"}, {}); }, {"absent.h5:/x"});
}

TEST_F(hdf5_source, a_folder_of_a_master_and_its_files_is_the_master) {
  const fs::path folder = scratch / "scan";
  fs::create_directory(folder);
  {
    const hdf5_handle part(H5Fcreate((folder / "a_data_000001.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "part");
    put(part, "data", {6, 4, 5});
    const hdf5_handle scan(H5Fcreate((folder / "a.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "scan");
    const hdf5_handle facts(H5Gcreate2(scan, "STEM Metadata", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "facts");
    io::write_attribute(facts, "NumPixelsX", std::int64_t{3});
    io::write_attribute(facts, "NumPixelsY", std::int64_t{2});
  }
  {
    const hdf5_handle entry = group("entry");
    const hdf5_handle data = group("entry/data");
    H5Lcreate_external("a_data_000001.h5", "/data", data, "data_000001", H5P_DEFAULT, H5P_DEFAULT);
  }
  file.close();
  lock.unlock();
  fs::copy(path, folder / "a_master.h5");
  {
    const auto source = open_source({folder}, {});
    EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
    expect_pattern(*source);
  }
  fs::copy(path, folder / "b_master.h5");
  expect_error<invalid_argument>([&] { (void)open_source({folder}, {}); }, {"a_master.h5", "b_master.h5"});
}

TEST_F(hdf5_source, a_file_that_a_detector_writes_is_read_as_far_as_it_is) {
  const hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), "access");
  H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  path = scratch / "live.h5";
  file = {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), "live"};
  const std::vector<hsize_t> extent{4, 4, 5};
  const std::vector<hsize_t> chunk{1, 4, 5};
  const hdf5_handle space(H5Screate_simple(3, extent.data(), nullptr), "space");
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
  H5Pset_chunk(creation, 3, chunk.data());
  const hdf5_handle dataset(H5Dcreate2(file, "data", H5T_NATIVE_UINT16, space, H5P_DEFAULT, creation, H5P_DEFAULT), "data");
  for (hsize_t frame = 0; frame < 2; ++frame) {
    io::write_slab(dataset, {{frame, 0, 0}, chunk}, H5T_NATIVE_UINT16, pattern_frame(frame, small).data(), "live");
  }
  ASSERT_GE(H5Fstart_swmr_write(file), 0);
  ASSERT_GE(H5Fflush(file, H5F_SCOPE_GLOBAL), 0);
  // Another process: HDF5 would share what this one has open.
  lock.unlock();
  const fs::path copy = scratch / "as_seen.h5";
  fs::copy(path, copy);
  const auto source = open_source({copy}, {});
  expect_issue(source->info(), "growing_file", 1, {"still being written"});
  EXPECT_EQ(source->info().missing_frames, 2U);
  frame_batch batch;
  source->read(0, 4, batch);
  EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[1]), pattern_frame(1, small));
  EXPECT_EQ(batch.frames[2].present, 0);
}

TEST_F(hdf5_source, chunks_of_two_frames_that_the_cache_does_not_hold_are_reported) {
  // Two rows of frames in chunks of 2 x 64 x 8192 pixels: 128 of these fill 256 MiB.
  for (const hsize_t chunks : {hsize_t{128}, hsize_t{129}}) {
    const std::string name = "in_" + std::to_string(chunks);
    const hsize_t extent[] = {2, 64 * chunks, 8192};
    const hsize_t chunk[] = {2, 64, 8192};
    const hsize_t one[] = {1, 1, 1};
    const hsize_t origin[] = {0, 0, 0};
    const std::uint16_t pixel = 1;
    const hdf5_handle space(H5Screate_simple(3, extent, nullptr), name);
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
    H5Pset_chunk(creation, 3, chunk);
    H5Pset_deflate(creation, 1);
    const hdf5_handle dataset(H5Dcreate2(file, name.c_str(), H5T_NATIVE_UINT16, space, H5P_DEFAULT, creation, H5P_DEFAULT),
                              name);
    const hdf5_handle memory(H5Screate_simple(3, one, nullptr), name);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, origin, nullptr, one, nullptr);
    io::hdf5_check(H5Dwrite(dataset, H5T_NATIVE_UINT16, memory, space, H5P_DEFAULT, &pixel), name);
    H5Dflush(dataset);
    hsize_t bytes = 0;
    std::uint32_t filters = 0;
    io::hdf5_check(H5Dget_chunk_storage_size(dataset, origin, &bytes), name);
    std::vector<char> packed(bytes);
    io::hdf5_check(H5Dread_chunk(dataset, H5P_DEFAULT, origin, &filters, packed.data()), name);
    for (hsize_t row = 64; row < extent[1]; row += 64) {
      const hsize_t at[] = {0, row, 0};
      io::hdf5_check(H5Dwrite_chunk(dataset, H5P_DEFAULT, filters, at, packed.size(), packed.data()), name);
    }
  }
  EXPECT_EQ(find_issue(open("in_128")->info(), "slow_chunks"), nullptr);
  expect_issue(open("in_129")->info(), "slow_chunks", 1, {"frames.h5", "in_129", "2 x 64 x 8192"});
}

}  // namespace
}  // namespace countem::testing_io
