#include <numeric>

#include <countem/event_store.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/io/hdf5_fixture.hpp"

namespace countem::testing_io {
namespace {

using io::hdf5_handle;

TEST_F(hdf5_source, chunks_of_any_shape_big_endian) {
  put(file, "one", {3, 4, 4, 5}, {1, 1, 4, 5});
  put(file, "rows", {3, 4, 4, 5}, {1, 3, 2, 3});
  put(file, "blocks", {3, 4, 4, 5}, {2, 2, 4, 4});
  put(file, "line", {12, 4, 5}, {5, 1, 5});
  for (const char* name : {"one", "rows", "blocks", "/line"}) {
    const auto source = open(name);
    EXPECT_EQ(source->info().shape, small);
    EXPECT_EQ(source->info().scan.frames(), 12U) << name;
    expect_pattern(*source, 5);
  }
}

TEST_F(hdf5_source, the_only_dataset_of_frames) {
  put(file, "deep", {4, 5});
  hdf5_handle inner = group("a");
  put(inner, "movie", {3, 4, 5}, {1, 4, 5});
  inner.close();
  expect_pattern(*open());
}

TEST_F(hdf5_source, several_datasets_are_listed) {
  put(file, "first", {3, 4, 5});
  put(file, "second", {3, 4, 5});
  refuse({"frames.h5", "/first, /second"}, {}, advised(advice_kind::dataset));
  expect_pattern(*open("second"));
  refuse({"frames.h5", "no dataset third"}, "third");
}

TEST_F(hdf5_source, emd_0_1_among_others) {
  put(file, "other", {3, 4, 5});
  hdf5_handle emd = group("experiment");
  io::write_attribute(emd, "emd_group_type", std::int64_t{1});
  put(emd, "data", {2, 3, 4, 5});
  emd.close();
  const auto source = open();
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  expect_pattern(*source);
  expect_pattern(*open("experiment"));
}

TEST_F(hdf5_source, one_dataset_under_several_names_is_one) {
  hdf5_handle emd = group("electron_counts");
  io::write_attribute(emd, "emd_group_type", std::int64_t{1});
  put(emd, "data", {2, 3, 4, 5});
  hdf5_handle other = group("datacube");
  io::write_attribute(other, "emd_group_type", "array");
  H5Lcreate_hard(emd, "data", other, "data", H5P_DEFAULT, H5P_DEFAULT);
  emd.close();
  other.close();
  expect_pattern(*open());
}

TEST_F(hdf5_source, nexus_default_plot) {
  put(file, "first", {3, 4, 5});
  io::write_attribute(file, "default", "entry");
  hdf5_handle entry = group("entry");
  io::write_attribute(entry, "default", "plot");
  hdf5_handle plot = group("entry/plot");
  io::write_attribute(plot, "signal", "counts");
  put(plot, "counts", {2, 3, 4, 5});
  plot.close();
  entry.close();
  EXPECT_EQ(open()->info().scan, (scan_shape{2, 3, 1}));
  expect_pattern(*open("entry"));
}

TEST_F(hdf5_source, default_that_leads_in_a_circle) {
  io::write_attribute(file, "default", ".");
  put(file, "frames", {3, 4, 5});
  expect_pattern(*open());
}

TEST_F(hdf5_source, an_image_has_two_axes_and_is_told_apart_by_its_shape) {
  const auto open_image = [&](frame_shape shape) {
    source_options options;
    options.image = shape;
    return open_source({path}, options);
  };
  put(file, "map_of_a_scan", {6, 7});
  put(file, "frames", {3, 4, 5});
  hdf5_handle inner = group("deep");
  put(inner, "pattern", {4, 5});
  inner.close();
  file.close();
  const auto image = open_image(small);
  EXPECT_EQ(image->info().shape, small);
  EXPECT_EQ(image->info().scan.frames(), 1U);
  frame_batch batch;
  image->read(0, 1, batch);
  EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[0]), pattern_frame(0, small));
  expect_pattern(*open_image({9, 9}));  // none: frames by convention, whose shape the caller checks

  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  put(file, "another", {1, 4, 5});
  file.close();
  source_options options;
  options.image = small;
  expect_error<format_error>({path}, options, {"several datasets", "another", "deep/pattern"});
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  hdf5_handle own = group("reductions");
  put(own, "sum", {4, 5}, {}, 8);
  own.close();
  file.close();
  open_image(small)->read(0, 1, batch);
  EXPECT_EQ(pixels_of<std::uint16_t>(batch.frames[0]), pattern_frame(8, small)) << "the sum of countem reduce";
}

TEST_F(hdf5_source, booleans_are_numbers) {
  const hdf5_handle type(H5Tenum_create(H5T_NATIVE_INT8), "type");
  std::int8_t value = 0;
  H5Tenum_insert(type, "FALSE", &value);
  value = 1;
  H5Tenum_insert(type, "TRUE", &value);
  const std::vector<hsize_t> extent{1, 1, 3};
  const hdf5_handle space(H5Screate_simple(3, extent.data(), nullptr), "space");
  {
    const hdf5_handle made(H5Dcreate2(file, "mask", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "mask");
    const std::vector<std::int8_t> mask{1, 0, 1};
    H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, mask.data());
  }
  frame_batch batch;
  open("mask")->read(0, 1, batch);
  EXPECT_EQ(pixels_of<float>(batch.frames[0]), (std::vector<float>{1, 0, 1}));
}

TEST_F(hdf5_source, scan_of_the_caller) {
  put(file, "frames", {6, 4, 5});
  file.close();
  source_options options;
  options.scan = scan_shape{2, 3, 1};
  const auto source = open_source({path}, options);
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  expect_pattern(*source);
}

TEST_F(hdf5_source, signed_and_double) {
  const std::vector<std::int32_t> whole{-7, 3, 16777216, 16777217};
  io::write_dataset<std::int32_t>(file, "whole", {2, 1, 2}, whole.data(), 1);
  const std::vector<double> real{0.5, -3.0 / 32};
  io::write_dataset<double>(file, "real", {1, 1, 2}, real.data());
  frame_batch batch;
  const auto source = open("whole");
  source->read(0, 1, batch);
  EXPECT_EQ(pixels_of<float>(batch.frames[0]), (std::vector<float>{-7, 3}));
  try {
    source->read(1, 1, batch);
    FAIL() << "read what f32 cannot hold";
  } catch (const format_error& problem) {
    EXPECT_THAT(problem.what(), ::testing::HasSubstr("frame 1, row 0, column 1 is 16777217"));
  }
  open("real")->read(0, 1, batch);
  EXPECT_EQ(pixels_of<float>(batch.frames[0]), (std::vector<float>{0.5F, -2.0F / 16}));
}

TEST_F(hdf5_source, values_beyond_all_charges_are_no_error) {
  const std::vector<std::int32_t> whole{std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min(), 7,
                                        1 << 26};
  io::write_dataset<std::int32_t>(file, "whole", {1, 2, 2}, whole.data(), 1);
  const std::vector<double> real{1e300, -1e30, 67108864.5, std::numeric_limits<double>::infinity()};
  io::write_dataset<double>(file, "real", {1, 2, 2}, real.data());
  const std::vector<std::uint64_t> wide{~std::uint64_t{0}, 0xffff'ffff, 0x1'0000'0000, 5};
  io::write_dataset<std::uint64_t>(file, "wide", {1, 2, 2}, wide.data());
  frame_batch batch;
  open("whole")->read(0, 1, batch);
  EXPECT_EQ(pixels_of<float>(batch.frames[0]), (std::vector<float>{0x1p31F, -0x1p31F, 7, 0x1p26F}));
  open("real")->read(0, 1, batch);
  constexpr float infinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(pixels_of<float>(batch.frames[0]), (std::vector<float>{infinite, -1e30F, 0x1p26F, infinite}));
  open("wide")->read(0, 1, batch);
  EXPECT_EQ(pixels_of<std::uint32_t>(batch.frames[0]), (std::vector<std::uint32_t>{0xffff'ffff, 0xffff'ffff, 0xffff'ffff, 5}));
}

TEST_F(hdf5_source, segments_with_one_missing) {
  // As DECTRIS writes them: the master links to files of images numbered from 1.
  const hdf5_handle entry = group("entry");
  const hdf5_handle data = group("entry/data");
  for (int number = 1; number <= 3; ++number) {
    const std::string name = "part_" + std::to_string(number) + ".h5";
    if (number != 2) {
      const hdf5_handle part(H5Fcreate((scratch / name).c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), name);
      put(part, "data", {2, 4, 5}, {1, 4, 5}, 2 * static_cast<std::uint64_t>(number - 1));
      const hdf5_handle dataset(H5Dopen2(part, "data", H5P_DEFAULT), name);
      io::write_attribute(dataset, "image_nr_low", std::int64_t{2 * number - 1});
    }
    H5Lcreate_external(name.c_str(), "/data", data, ("data_00000" + std::to_string(number)).c_str(), H5P_DEFAULT, H5P_DEFAULT);
  }
  const auto source = open();
  EXPECT_EQ(source->info().scan.frames(), 6U);
  EXPECT_EQ(source->info().missing_frames, 2U);
  EXPECT_EQ(source->info().files.size(), 3U);
  expect_issue(source->info(), "missing_file", 1, {"frames.h5", "data_000002", "part_2.h5"});
  frame_batch batch;
  source->read(0, 6, batch);
  for (const std::uint64_t frame : {0U, 1U, 4U, 5U})
    EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[frame]) == pattern_frame(frame, small));
  EXPECT_EQ(batch.frames[2].present, 0);
  EXPECT_EQ(batch.frames[3].present, 0);
}

TEST_F(hdf5_source, all_segments_missing) {
  const hdf5_handle entry = group("entry");
  const hdf5_handle data = group("entry/data");
  H5Lcreate_external("gone.h5", "/data", data, "data_000001", H5P_DEFAULT, H5P_DEFAULT);
  refuse({"frames.h5", "data_000001", "gone.h5", "beside"});
}

TEST_F(hdf5_source, filter_that_is_not_installed) {
  constexpr H5Z_filter_t number = 300;
  const H5Z_class2_t copying{
      H5Z_CLASS_T_VERS,
      number,
      1,
      1,
      "of a test",
      nullptr,
      nullptr,
      [](unsigned, std::size_t, const unsigned*, std::size_t bytes, std::size_t*, void**) { return bytes; }};
  H5Zregister(&copying);
  {
    const std::vector<hsize_t> extent{3, 4, 5};
    const hdf5_handle space(H5Screate_simple(3, extent.data(), nullptr), "space");
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    H5Pset_chunk(creation, 3, extent.data());
    H5Pset_filter(creation, number, H5Z_FLAG_MANDATORY, 0, nullptr);
    const hdf5_handle dataset(H5Dcreate2(file, "frames", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "dataset");
    const std::vector<std::uint16_t> zeros(60);
    H5Dwrite(dataset, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data());
  }
  file.close();
  H5Zunregister(number);
  refuse({"frames.h5", "/frames", "filter 300 (of a test)", "not installed", "plugin"});
}

TEST_F(hdf5_source, what_cannot_be_frames) {
  refuse({"frames.h5", "no dataset of numbers with the axes of frames"});
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  const std::vector<hsize_t> huge{1, 1ULL << 31, 1ULL << 31};
  const hdf5_handle space(H5Screate_simple(3, huge.data(), nullptr), "space");
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
  const std::vector<hsize_t> chunk{1, 64, 64};
  H5Pset_chunk(creation, 3, chunk.data());
  { const hdf5_handle made(H5Dcreate2(file, "huge", H5T_STD_U16LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), "huge"); }
  const std::vector<hsize_t> many{1 << 20, 1 << 20, 64, 64};
  const std::vector<hsize_t> one{1, 1, 64, 64};
  const hdf5_handle many_space(H5Screate_simple(4, many.data(), nullptr), "space");
  H5Pset_chunk(creation, 4, one.data());
  {
    const hdf5_handle made(H5Dcreate2(file, "many", H5T_STD_U16LE, many_space, H5P_DEFAULT, creation, H5P_DEFAULT), "many");
    const std::vector<std::uint16_t> frame(64 * 64);
    const std::vector<hsize_t> origin{0, 0, 0, 0};
    const hdf5_handle place(H5Dget_space(made), "space");
    H5Sselect_hyperslab(place, H5S_SELECT_SET, origin.data(), nullptr, one.data(), nullptr);
    const hdf5_handle memory(H5Screate_simple(4, one.data(), nullptr), "space");
    H5Dwrite(made, H5T_NATIVE_UINT16, memory, place, H5P_DEFAULT, frame.data());
  }
  const std::vector<hsize_t> few{2, 64, 64};
  const hdf5_handle few_space(H5Screate_simple(3, few.data(), nullptr), "space");
  {
    const hdf5_handle made(H5Dcreate2(file, "empty", H5T_STD_U16LE, few_space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "empty");
  }
  { const hdf5_handle made(H5Dcreate2(file, "words", H5T_C_S1, few_space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "words"); }
  refuse({"frames.h5", "huge", "make no sense"}, "huge");
  refuse({"frames.h5", "claims a scan of 1048576 x 1048576"}, "many", advised(advice_kind::scan_size));
  refuse({"frames.h5", "empty", "never written"}, "empty");
  refuse({"frames.h5", "words"}, "words");
}

TEST_F(hdf5_source, damaged_files) {
  put(file, "frames", {6, 4, 5}, {1, 4, 5});
  file.close();
  fs::resize_file(path, fs::file_size(path) - 100);
  refuse({"frames.h5", "was cut", "bytes are there"});
  save(path, std::vector<char>(100, 'x'));
  expect_error<format_error>({path}, as(input_format("hdf5")), {"frames.h5", "reads as text, and an HDF5 file is expected"});
}

TEST_F(hdf5_source, a_damaged_chunk_is_named) {
  put(file, "frames", {3, 4, 5}, {1, 4, 5});
  haddr_t place = 0;
  hsize_t bytes = 0;
  {
    const hdf5_handle dataset(H5Dopen2(file, "frames", H5P_DEFAULT), "frames");
    const std::vector<hsize_t> second{1, 0, 0};
    H5Dget_chunk_info_by_coord(dataset, second.data(), nullptr, &place, &bytes);
  }
  file.close();
  auto all = load(path);
  std::fill_n(all.begin() + static_cast<std::ptrdiff_t>(place), bytes, 'x');
  save(path, all);
  const auto source = open();
  frame_batch batch;
  source->read(0, 1, batch);
  EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[0]) == pattern_frame(0, small));
  try {
    source->read(1, 1, batch);
    FAIL() << "read a damaged chunk";
  } catch (const format_error& problem) {
    for (const char* word : {"frames.h5", "frame 1", "/frames"}) EXPECT_THAT(problem.what(), ::testing::HasSubstr(word));
  }
}

TEST_F(hdf5_source, refuses_an_event_store) {
  store_description description;
  description.shape = {4, 5};
  description.scan = {2, 3, 1};
  const auto writer = create_event_store(scratch / "counted.h5", description, {});
  event_batch events;
  for (std::uint32_t frame = 0; frame < 6; ++frame) {
    events.indices.insert(events.indices.end(), {frame, 10, 10, 19});
    events.indptr.push_back(events.indices.size());
    events.xrays.push_back(0);
    events.status.push_back(all_sectors);
  }
  writer->observe(events);
  writer->write(*writer->encode(events));
  writer->finish();
  try {
    static_cast<void>(open_source({scratch / "counted.h5"}, {}));
    FAIL() << "its electrons would be counted twice";
  } catch (const format_error& refusal) {
    EXPECT_THAT(refusal.what(), ::testing::HasSubstr("is an event store, whose electrons are counted already"));
  }
}

struct real_hdf5 : ::testing::Test {
  static std::vector<fs::path> find(const std::string& name) { return {fs::path(COUNTEM_REAL_DATA) / name}; }
};

TEST_F(real_hdf5, py4dstem_datacube) {
  const auto cube = find("py4DSTEM_size2x3x4x5.h5");
  if (!fs::exists(cube[0])) GTEST_SKIP() << cube[0] << " is not on this machine";
  const auto source = open_source(cube, {});
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  EXPECT_EQ(source->info().shape, (frame_shape{4, 5}));
  EXPECT_EQ(source->info().type, pixel_type::f32);
  frame_batch batch;
  source->read(0, 6, batch);
  EXPECT_NEAR(pixels_of<float>(batch.frames[0])[0], 472.521, 1e-3);
  EXPECT_NEAR(pixels_of<float>(batch.frames[1])[4], 291.866, 1e-3);
}

TEST_F(real_hdf5, arina_master_file) {
  const auto master = find("test_00_master.h5");
  if (!fs::exists(master[0])) GTEST_SKIP() << master[0] << " is not on this machine";
  const auto source = open_source(master, {});
  EXPECT_EQ(source->info().shape, (frame_shape{192, 192}));
  EXPECT_EQ(source->info().scan, (scan_shape{4, 4, 1})) << "of the file beside it";
  EXPECT_EQ(source->info().type, pixel_type::u32);
  EXPECT_EQ(source->info().files.size(), 2U);
  frame_batch batch;
  source->read(0, 16, batch);
  std::uint64_t sum = 0;
  for (const frame_view& frame : batch.frames) {
    const auto pixels = pixels_of<std::uint32_t>(frame);
    sum = std::accumulate(pixels.begin(), pixels.end(), sum);
  }
  EXPECT_EQ(sum, 0U);  // nothing hit the detector; what was never written would read as 2^32 - 1
}

}  // namespace
}  // namespace countem::testing_io
