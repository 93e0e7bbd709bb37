#include <array>
#include <functional>

#include "io/hdf5/attribute.hpp"
#include "tests/io/hdf5_fixture.hpp"

// Digital Micrograph's DM5: which image is taken, its axes, what contradicts itself. No file of an instrument was at hand:
// these are made as public readers of the format describe it.
namespace countem::testing_io {
namespace {

using io::hdf5_handle;

struct dm5_files : hdf5_source {
  void begin_anew() {
    file.close();
    file = {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "anew"};
  }

  hdf5_handle group_at(const std::string& name) {
    if (io::has_path(file, name)) return {H5Gopen2(file, name.c_str(), H5P_DEFAULT), name};
    const hdf5_handle links(H5Pcreate(H5P_LINK_CREATE), name);
    H5Pset_create_intermediate_group(links, 1);
    return {H5Gcreate2(file, name.c_str(), links, H5P_DEFAULT, H5P_DEFAULT), name};
  }

  static std::string image(int number) { return "ImageList/[" + std::to_string(number) + "]"; }
  static std::string pixels(int number) { return "/" + image(number) + "/ImageData/Data"; }

  void state(const std::string& name, const std::string& attribute, std::int64_t number) {
    io::write_attribute(group_at(name), attribute, number);
  }

  /// u16 pixels with what a file states of them; `extent` as the dataset has it.
  void put_image(int number, const std::vector<hsize_t>& extent) {
    const std::string data = image(number) + "/ImageData";
    put(group_at(data), "Data", extent);
    state(data, "DataType", 10);
    state(data, "PixelDepth", 2);
    for (std::size_t axis = 0; axis < extent.size(); ++axis) {
      state(data + "/Dimensions", "[" + std::to_string(axis) + "]",
            static_cast<std::int64_t>(extent[extent.size() - 1 - axis]));
    }
  }

  /// Colours, as a picture of the real image.
  void put_thumbnail(int number = 0) {
    const std::vector<std::uint32_t> colours(12, 0xff80'4020U);
    const std::string data = image(number) + "/ImageData";
    io::write_dataset<std::uint32_t>(group_at(data), "Data", {3, 4}, colours.data());
    state(data, "DataType", 23);
    state(data, "PixelDepth", 4);
  }

  void put_scan() {
    put_thumbnail();
    put_image(1, {2, 3, 4, 5});
    state(image(1) + "/ImageTags/Meta Data", "Data Order Swapped", 1);
    io::write_attribute(group_at("ImageSourceList/[0]"), "ClassName", "ImageSource:4DSummed");
  }

  void calibrate(int number, std::size_t axis, double origin, double scale, const std::string& units) {
    const hdf5_handle at = group_at(image(number) + "/ImageData/Calibrations/Dimension/[" + std::to_string(axis) + "]");
    io::write_attribute(at, "Origin", origin);
    io::write_attribute(at, "Scale", scale);
    io::write_attribute(at, "Units", units);
  }
};

TEST_F(dm5_files, four_axes_behind_a_thumbnail) {
  put_scan();
  const auto source = open();
  EXPECT_EQ(source->info().dataset, pixels(1));
  EXPECT_TRUE(source->info().issues.empty());
  expect_frames(*source, {2, 3, 1}, "scan_row, scan_column, row, column");
}

TEST_F(dm5_files, three_axes_are_one_line_and_two_one_frame) {
  put_image(0, {6, 4, 5});
  expect_frames(*open(), {1, 6, 1}, "frame, row, column");
  begin_anew();
  put_thumbnail();
  put_image(1, {4, 5});
  const auto source = open();
  EXPECT_EQ(source->info().dataset, pixels(1));
  expect_frames(*source, {1, 1, 1}, "row, column");
  EXPECT_EQ(open("/ImageList/[1]")->info().dataset, pixels(1)) << "its group will do";
}

TEST_F(dm5_files, an_only_image_is_no_thumbnail) {
  put_image(0, {4, 5});
  const auto source = open();
  EXPECT_EQ(source->info().dataset, pixels(0));
  expect_frames(*source, {1, 1, 1}, "row, column");
}

TEST_F(dm5_files, images_for_calibrations_are_no_thumbnails) {
  put_image(0, {4, 5});
  put_image(1, {4, 5});
  file.close();
  source_options options;
  options.image = small;
  EXPECT_EQ(open_source({path}, options)->info().dataset, pixels(1));
}

TEST_F(dm5_files, whether_scan_or_detector_comes_first) {
  put_image(0, {2, 3, 4, 5});
  const auto unmarked = open();
  expect_issue(unmarked->info(), "axes_of_writer", 1, {"Digital Micrograph", "(scan_row, scan_column, row, column)"});
  expect_frames(*unmarked, {2, 3, 1}, "scan_row, scan_column, row, column");

  // Rows, columns, scan rows, scan columns: pixel (r, c) of frame (y, x) is element ((r 5 + c) 2 + y) 3 + x.
  begin_anew();
  std::vector<std::uint16_t> turned;
  for (std::uint64_t pixel = 0; pixel < 20; ++pixel) {
    for (std::uint64_t frame = 0; frame < 6; ++frame) turned.push_back(pattern(frame, pixel / 5, pixel % 5));
  }
  io::write_dataset<std::uint16_t>(group_at(image(0) + "/ImageData"), "Data", {4, 5, 2, 3}, turned.data());
  for (const auto& [axis, length] : {std::pair{"[0]", 3}, {"[1]", 2}, {"[2]", 5}, {"[3]", 4}})
    state(image(0) + "/ImageData/Dimensions", axis, length);
  state(image(0) + "/ImageTags/Meta Data", "Data Order Swapped", 0);
  const auto source = open();
  expect_issue(source->info(), "axes_of_writer", 1, {"Digital Micrograph", "(row, column, scan_row, scan_column)"});
  expect_frames(*source, {2, 3, 1}, "row, column, scan_row, scan_column");
}

TEST_F(dm5_files, truth_values_as_programs_write_them) {
  for (const char* const word : {"true", "True", "1"}) {
    put_image(0, {2, 3, 4, 5});
    io::write_attribute(group_at(image(0) + "/ImageTags/Meta Data"), "Data Order Swapped", word);
    EXPECT_TRUE(open()->info().issues.empty()) << word;
    begin_anew();
  }
  put_image(0, {2, 3, 4, 5});
  io::write_attribute(group_at(image(0) + "/ImageTags/Meta Data"), "Data Order Swapped", "perhaps");
  refuse({"frames.h5", "/ImageList/[0]/ImageTags/Meta Data", "Data Order Swapped"});
}

TEST_F(dm5_files, of_several_images_none_is_chosen) {
  put_thumbnail();
  put_image(1, {2, 3, 4, 5});
  put_image(2, {6, 4, 5});
  refuse({"several datasets", pixels(1) + ", " + pixels(2)}, {}, advised(advice_kind::dataset));
  EXPECT_EQ(open(pixels(2))->info().scan, (scan_shape{1, 6, 1}));
  begin_anew();
  put_thumbnail();
  put_image(1, {4, 5});
  put_image(2, {4, 5});
  refuse({"several datasets", pixels(1) + ", " + pixels(2)}, {}, advised(advice_kind::dataset));
}

TEST_F(dm5_files, thumbnails_that_the_file_names) {
  put_image(0, {4, 5});
  put_image(1, {4, 5});
  state("Thumbnails/[0]", "ImageIndex", 1);
  EXPECT_EQ(open()->info().dataset, pixels(0));
  begin_anew();
  put_image(0, {6, 4, 5});  // a stack is none
  put_image(1, {4, 5});
  state("Thumbnails/[0]", "ImageIndex", 0);
  EXPECT_EQ(open()->info().dataset, pixels(0));
  begin_anew();
  put_thumbnail();  // and beside a spectrum it is no frame
  const std::vector<float> spectrum(8, 1.0F);
  io::write_dataset<float>(group_at(image(1) + "/ImageData"), "Data", {8}, spectrum.data());
  refuse({"frames.h5", "no dataset of numbers with the axes of frames"});
}

/// Index i of an axis lies at (i - Origin) Scale, in fractions that floating point has.
TEST_F(dm5_files, origins_steps_and_units) {
  put_scan();
  calibrate(1, 0, 2.5, 0.25, "mrad");  // columns from -0.625 on
  calibrate(1, 1, 2.0, 0.25, "mrad");  // rows from -0.5 on
  calibrate(1, 2, -4.0, 1.5, "nm");    // scan columns from 6 on
  calibrate(1, 3, 8.0, 1.5, "nm");     // scan rows from -12 on
  const auto source = open();
  const axis_lengths lengths = source->info().lengths;
  EXPECT_EQ(lengths.pixel_mrad, 0.25);
  EXPECT_EQ(lengths.detector_origin_mrad, (plane_origin{-0.5, -0.625}));
  EXPECT_EQ(lengths.scan_step_nm, 1.5);
  EXPECT_EQ(lengths.scan_origin_nm, (plane_origin{-12, 6}));
  expect_issue(source->info(), "axes_taken", 1, {"0.25 mrad", "1.5 nm"});
}

/// Two lines of three positions, 1.5 nm apart, the first at (-12, 6).
TEST_F(dm5_files, axes_of_the_scan_are_those_of_the_scan_that_is_opened) {
  put_scan();
  calibrate(1, 2, -4.0, 1.5, "nm");
  calibrate(1, 3, 8.0, 1.5, "nm");
  static_cast<void>(open());  // closes what was written
  const auto opened = [&](const std::optional<scan_shape>& scan, const scan_path& along) {
    source_options options;
    options.scan = scan;
    options.path = along;
    return open_source({path}, options)->info();
  };
  const auto expect_kept = [&](const std::optional<scan_shape>& scan, const scan_path& along, plane_origin origin) {
    const source_info info = opened(scan, along);
    EXPECT_EQ(info.lengths.scan_step_nm, 1.5);
    EXPECT_EQ(info.lengths.scan_origin_nm, origin);
    EXPECT_EQ(find_issue(info, "scan_step_not_taken"), nullptr);
  };
  expect_kept(scan_shape{1, 3, 1}, {}, {-12, 6});
  expect_kept(scan_shape{1, 3, 1}, {3, 0, false}, {-10.5, 6});
  expect_kept({}, {3, 0, false}, {-10.5, 6});  // the second line is missing
  expect_kept({}, {0, 1, false}, {-12, 6});
  expect_kept(scan_shape{2, 2, 1}, {1, 1, false}, {-12, 7.5});
  expect_kept({}, {0, 0, true}, {-12, 6});
  const auto expect_dropped = [&](const std::optional<scan_shape>& scan, const scan_path& along, const std::string& words) {
    const source_info info = opened(scan, along);
    EXPECT_EQ(info.lengths.scan_step_nm, 0);
    EXPECT_EQ(info.lengths.scan_origin_nm, plane_origin{});
    expect_issue(info, "scan_step_not_taken", 1, {"frames.h5: states the step of a scan of 3 x 2 positions", words});
  };
  expect_dropped(scan_shape{1, 6, 1}, {}, "the scan of 6 x 1 positions (width x height) is no part");
  expect_dropped(scan_shape{3, 2, 1}, {}, "2 x 3 positions");
  expect_dropped({}, {1, 0, false}, "3 x 2 positions (width x height) (1 frame skipped) is no part");
  expect_dropped(scan_shape{2, 2, 1}, {2, 0, false}, "2 x 2 positions");
}

/// 0.1 / nm at 300 kV, whose wavelength is 1.96875 pm.
TEST_F(dm5_files, reciprocal_lengths_need_the_voltage) {
  put_scan();
  for (const std::size_t axis : {0U, 1U}) calibrate(1, axis, 0, 0.1, "1/nm");
  expect_issue(open()->info(), "axes_not_taken", 1, {"energy of the beam"});
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  io::write_attribute(group_at(image(1) + "/ImageTags/Microscope Info"), "Voltage", 300e3);
  EXPECT_NEAR(open()->info().lengths.pixel_mrad, 0.196875, 1e-5);
}

TEST_F(dm5_files, calibrations_that_are_empty_state_nothing) {
  put_scan();
  const hdf5_handle at = group_at(image(1) + "/ImageData/Calibrations/Dimension/[0]");
  io::write_attribute(at, "Scale", 1.0);
  const hdf5_handle none(H5Screate(H5S_NULL), "nothing");
  const hdf5_handle type(H5Tcopy(H5T_C_S1), "text");
  const hdf5_handle units(H5Acreate2(at, "Units", type, none, H5P_DEFAULT, H5P_DEFAULT), "Units");
  const auto source = open();
  EXPECT_EQ(source->info().lengths, axis_lengths{});
  EXPECT_TRUE(source->info().issues.empty());
}

TEST_F(dm5_files, dimensions_that_contradict_the_pixels) {
  const std::string dimensions = image(1) + "/ImageData/Dimensions";
  for (const auto& [axis, length] : {std::pair{"[0]", std::int64_t{6}},
                                     {"[3]", 1},
                                     {"[1]", -4},
                                     {"[2]", std::int64_t{3} + (std::int64_t{1} << 32)},
                                     {"[4]", 1}}) {
    put_scan();
    state(dimensions, axis, length);
    refuse({"frames.h5", pixels(1), "contradicts itself", std::to_string(length), "(5, 4, 3, 2)"});
    refuse({"contradicts itself"}, pixels(1));
    begin_anew();
  }
  put_scan();
  H5Adelete(group_at(dimensions), "[1]");
  refuse({"contradicts itself", "Dimensions are (5)"});
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  io::write_attribute(group_at(dimensions), "[1]", "four");
  refuse({"frames.h5", dimensions, "[1]"});
}

TEST_F(dm5_files, pixels_that_are_not_what_the_file_states) {
  const std::string data = image(1) + "/ImageData";
  const auto opened_with = [&](const char* attribute, std::int64_t number) {
    begin_anew();
    put_scan();
    state(data, attribute, number);
  };
  for (const auto& [code, word] : {std::pair{2, "f32"}, {6, "u8"}, {11, "u32"}, {12, "f64"}}) {
    opened_with("DataType", code);
    refuse({"frames.h5", pixels(1), "contradicts itself", word, "u16"});
  }
  for (const std::int64_t code : {std::int64_t{3}, std::int64_t{13}, std::int64_t{23}, std::int64_t{-1}, INT64_MAX}) {
    opened_with("DataType", code);
    refuse({"frames.h5", pixels(1), "DataType " + std::to_string(code) + " cannot be read"});
  }
  for (const std::int64_t depth : {std::int64_t{4}, std::int64_t{0}, INT64_MIN}) {
    opened_with("PixelDepth", depth);
    refuse({"frames.h5", pixels(1), "PixelDepth is " + std::to_string(depth)});
  }
  opened_with("DataType", 1);
  const auto source = open();
  expect_issue(source->info(), "sign_disagrees", 1, {"u16", "i16"});
  expect_frames(*source, {2, 3, 1}, "scan_row, scan_column, row, column");
}

TEST_F(dm5_files, fractions_are_no_whole_numbers) {
  const std::vector<float> values(6 * 20, 0.5F);
  const std::string data = image(0) + "/ImageData";
  io::write_dataset<float>(group_at(data), "Data", {6, 4, 5}, values.data());
  state(data, "DataType", 7);
  refuse({"frames.h5", pixels(0), "contradicts itself", "DataType 7 is i32", "f32"});
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  state(data, "DataType", 2);
  EXPECT_EQ(open()->info().type, pixel_type::f32);
}

TEST_F(dm5_files, they_are_neither_dm3_nor_dm4) {
  put_scan();
  file.close();
  expect_error<format_error>({path}, as(input_format("dm")), {"frames.h5", "HDF5", "DM5"},
                             advised(advice_kind::input_format, "hdf5"));
}

TEST_F(dm5_files, spectra_are_no_frames) {
  for (const char* const format : {"Spectrum image", "Spectrum Image"}) {
    put_image(0, {6, 4, 5});
    io::write_attribute(group_at(image(0) + "/ImageTags/Meta Data"), "Format", format);
    refuse({"frames.h5", pixels(0), "spectrum image"});
    begin_anew();
  }
}

TEST_F(dm5_files, files_that_are_cut_short_or_claim_too_much) {
  put_scan();
  file.close();
  const auto whole = fs::file_size(path);
  for (const std::uintmax_t bytes : {whole - 1, whole / 2, std::uintmax_t{64}}) {
    fs::resize_file(path, bytes);
    expect_error<format_error>({path}, {}, {"frames.h5"});
  }
  begin_anew();
  const std::array<hsize_t, 4> extent{1U << 20U, 1U << 20U, 1U << 12U, 1U << 12U};
  const std::array<hsize_t, 4> chunk{1, 1, 64, 64};
  {
    const hdf5_handle space(H5Screate_simple(4, extent.data(), nullptr), "space");
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    H5Pset_chunk(creation, 4, chunk.data());
    const hdf5_handle made(
        H5Dcreate2(group_at(image(0) + "/ImageData"), "Data", H5T_NATIVE_UINT16, space, H5P_DEFAULT, creation, H5P_DEFAULT),
        "Data");
  }
  refuse({"frames.h5"});
}

}  // namespace
}  // namespace countem::testing_io
