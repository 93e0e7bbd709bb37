#include <algorithm>
#include <functional>

#include "io/hdf5/attribute.hpp"
#include "tests/io/hdf5_fixture.hpp"

// Axes in other orders than (scan, row, column), and which dataset is taken.
namespace countem::testing_io {
namespace {

using io::hdf5_handle;

/// A dataset of pattern frames (4 x 5) whose axes lie in another order.
struct turned_source : hdf5_source {
  /// `place`: for each axis of the dataset, its number in the usual order.
  void put_turned(hid_t location, const std::string& name, const std::vector<std::size_t>& place,
                  const std::vector<hsize_t>& usual, const std::vector<hsize_t>& chunk = {}) {
    std::vector<hsize_t> extent;
    for (const std::size_t axis : place) extent.push_back(usual[axis]);
    hsize_t elements = 1;
    for (const hsize_t length : usual) elements *= length;
    std::vector<std::uint16_t> values(elements);
    for (hsize_t at = 0; at < elements; ++at) {  // `at` counts in the dataset's order
      std::vector<hsize_t> index(usual.size());
      hsize_t left = at;
      for (std::size_t axis = place.size(); axis-- > 0; left /= extent[axis]) index[place[axis]] = left % extent[axis];
      hsize_t frame = 0;
      for (std::size_t axis = 0; axis + 2 < usual.size(); ++axis) frame = frame * usual[axis] + index[axis];
      const auto pixels = pattern_frame(frame, small);
      values[at] = pixels[index[usual.size() - 2] * small.width + index.back()];
    }
    const hdf5_handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), name);
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
    if (!chunk.empty()) H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    const hdf5_handle dataset(H5Dcreate2(location, name.c_str(), H5T_NATIVE_UINT16, space, H5P_DEFAULT, creation, H5P_DEFAULT),
                              name);
    io::hdf5_check(H5Dwrite(dataset, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
  }

  void put_text(const std::string& name, const std::string& text) {
    const hdf5_handle type(H5Tcopy(H5T_C_S1), name);
    H5Tset_size(type, text.size());
    const hdf5_handle space(H5Screate(H5S_SCALAR), name);
    const hdf5_handle dataset(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), name);
    io::hdf5_check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()), name);
  }
};

TEST_F(turned_source, velox_has_its_frames_last) {
  put_text("Version", R"({"format": "Velox", "version": "1.2"})");
  hdf5_handle image = group("Data");
  image = group("Data/Image");
  image = group("Data/Image/0123456789abcdef");
  put_turned(image, "Data", {1, 2, 0}, {7, 4, 5}, {4, 5, 1});
  image = group("Data/Image/fedcba9876543210");  // one survey image beside the frames
  put_turned(image, "Data", {1, 2, 0}, {1, 4, 5});
  image.close();
  const auto source = open();
  EXPECT_EQ(source->info().dataset, "/Data/Image/0123456789abcdef/Data");
  expect_issue(source->info(), "axes_of_writer", 1, {"Velox", "(row, column, frame)"});
  expect_frames(*source, {1, 7, 1}, "row, column, frame");
}

TEST_F(turned_source, hyperspy_reverses_all_axes_in_emd) {
  io::write_attribute(file, "version_major", "0");
  hdf5_handle signals = group("signals");
  signals = group("signals/scan");
  io::write_attribute(signals, "emd_group_type", std::int64_t{1});
  io::write_attribute(signals, "signal_type", "");
  put_turned(signals, "data", {3, 2, 1, 0}, {2, 3, 4, 5});
  signals.close();
  expect_frames(*open(), {2, 3, 1}, "column, row, scan_column, scan_row");
}

TEST_F(turned_source, elements_that_are_no_numbers_are_named) {
  const hsize_t extent[] = {3, 4, 5};
  const hdf5_handle space(H5Screate_simple(3, extent, nullptr), "space");
  hdf5_handle(H5Dcreate2(file, "flags", H5T_STD_B16LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "flags").close();
  refuse({"frames.h5", "holds no dataset of numbers", "left out: /flags: its elements are not numbers"});
}

TEST_F(turned_source, spectra_of_hyperspy_are_no_frames) {
  for (const std::size_t of_signal : {1U, 2U, 3U}) {
    const std::string name = "Experiments/scan" + std::to_string(of_signal);
    if (of_signal == 1) hdf5_handle(group("Experiments")).close();
    hdf5_handle signal = group(name);
    put_turned(signal, "data", {0, 1, 2, 3}, {2, 3, 4, 5});
    for (std::size_t number = 0; number < 4; ++number) {
      const hdf5_handle axis = group(name + "/axis-" + std::to_string(number));
      io::write_attribute(axis, "navigate", std::int64_t{number + of_signal < 4 ? 1 : 0});
    }
    signal.close();
  }
  source_options options;
  options.dataset = "/Experiments/scan2/data";
  expect_frames(*open(options.dataset), {2, 3, 1}, "scan_row, scan_column, row, column");
  options.dataset = "/Experiments/scan1/data";
  expect_error<format_error>({path}, options, {"scan1/data", "1 signal axis and 3 that navigate", "name its axes"});
  options.dataset = "/Experiments/scan3/data";
  expect_error<format_error>({path}, options, {"scan3/data", "3 signal axes and 1 that navigate"});
  options.axes = "scan_row,scan_column,row,column";
  expect_frames(*open_source({path}, options), {2, 3, 1}, "scan_row, scan_column, row, column");
}

TEST_F(turned_source, matlab_counts_its_axes_from_the_other_end) {
  put_turned(file, "movie", {0, 2, 1}, {6, 4, 5}, {2, 3, 4});
  {
    const hdf5_handle dataset(H5Dopen2(file, "movie", H5P_DEFAULT), "movie");
    io::write_attribute(dataset, "MATLAB_class", "uint16");
  }
  const auto source = open();
  expect_issue(source->info(), "axes_of_writer", 1, {"MATLAB"});
  expect_frames(*source, {1, 6, 1}, "frame, column, row");
}

TEST_F(turned_source, axes_that_the_user_names) {
  put_turned(file, "a", {2, 0, 3, 1}, {2, 3, 4, 5});
  put_turned(file, "b", {2, 1, 0}, {6, 4, 5});
  file.close();
  const auto named = [&](const std::string& dataset, const std::string& axes) {
    source_options options;
    options.dataset = dataset;
    options.axes = axes;
    return open_source({path}, options);
  };
  expect_frames(*named("a", "row,scan_row,column,scan_column"), {2, 3, 1}, "row, scan_row, column, scan_column");
  expect_frames(*named("b", "column,row,frame"), {1, 6, 1}, "column, row, frame");
  for (const char* wrong : {"row,column", "row,column,scan_row", "row,row,frame", "row,column,frame,", "x,y,z", ","}) {
    EXPECT_THROW((void)named("b", wrong), invalid_argument) << wrong;
  }
}

TEST_F(turned_source, matrices_are_no_frames_unless_named) {
  const std::vector<double> matrices(5 * 9, 1.0);
  io::write_dataset<double>(file, "orientation", {5, 3, 3}, matrices.data());
  put(file, "frames", {6, 4, 5});
  expect_pattern(*open());
  EXPECT_EQ(open("orientation")->info().scan.frames(), 5U);
  file = {H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "again"};
  H5Ldelete(file, "frames", H5P_DEFAULT);
  refuse({"/orientation", "1 to 3 pixels"}, {}, advised(advice_kind::dataset));
}

TEST_F(turned_source, what_a_nexus_detector_holds_comes_before_other_datasets) {
  put(file, "background", {6, 4, 5});
  hdf5_handle entry = group("entry");
  hdf5_handle detector = group("entry/detector");
  io::write_attribute(detector, "NX_class", "NXdetector");
  put(detector, "data", {2, 3, 4, 5});
  put(detector, "flatfield", {1, 4, 5});
  detector.close();
  entry.close();
  EXPECT_EQ(open()->info().dataset, "/entry/detector/data");
}

TEST_F(turned_source, an_only_image_is_one_frame) {
  put(file, "dark", {4, 5});
  const auto source = open();
  EXPECT_EQ(source->info().axes, "row, column");
  expect_frames(*source, {1, 1, 1}, "row, column");
}

}  // namespace
}  // namespace countem::testing_io
