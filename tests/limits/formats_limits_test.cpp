#include <gtest/gtest.h>
#include <hdf5.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/frame_source.hpp>
#include <countem/saved_image.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/io/new_file.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

void change_file(const std::filesystem::path& path, const std::function<void(hid_t)>& change) {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "file");
  change(file);
}

TEST(import_limits, a_matrix_without_shapes_takes_those_given) {
  const test::temporary_directory directory;
  const store_description description = test::description_of({4, 5}, {2, 3, 1});
  const event_batch written = test::write_store(directory / "store.h5", description, {}, 6, 4);
  static_cast<void>(export_events(*open_event_store(directory / "store.h5"), directory / "csr.h5", export_format::csr));
  change_file(directory / "csr.h5", [](hid_t file) {
    for (const char* name : {"height", "width", "scan_height", "scan_width", "frames_per_position"})
      ASSERT_GE(H5Adelete(file, name), 0) << name;
  });
  import_options options;
  EXPECT_THROW(import_events(directory / "csr.h5", directory / "back.h5", options), invalid_argument);
  options.frame = frame_shape{4, 5};
  EXPECT_THROW(import_events(directory / "csr.h5", directory / "back.h5", options), invalid_argument) << "half of it";
  options.scan = scan_shape{2, 4, 1};
  EXPECT_THROW(import_events(directory / "csr.h5", directory / "back.h5", options), format_error) << "two frames too many";
  options.scan = scan_shape{2, 3, 1};
  import_events(directory / "csr.h5", directory / "back.h5", options);
  const event_batch read = test::read_all(directory / "back.h5");
  EXPECT_EQ(read.indices, written.indices);
  EXPECT_EQ(read.indptr, written.indptr);
}

TEST(import_limits, a_matrix_says_that_it_is_in_csr_form) {
  const test::temporary_directory directory;
  const store_description description = test::description_of({4, 5}, {2, 3, 1});
  static_cast<void>(test::write_store(directory / "store.h5", description, {}, 6, 4));
  for (const char* tag :
       {"{}", "[1]", "3", "not JSON", R"({"binsparse": {}})", R"({"binsparse": {"format": "COO"}})", R"({"format": "COO"})"}) {
    static_cast<void>(export_events(*open_event_store(directory / "store.h5"), directory / "csr.h5", export_format::csr));
    change_file(directory / "csr.h5", [&](hid_t file) {
      ASSERT_GE(H5Adelete(file, "binsparse"), 0);
      io::write_attribute(file, "binsparse", std::string(tag));
    });
    EXPECT_THROW(import_events(directory / "csr.h5", directory / "back.h5", {}), format_error) << tag;
  }
}

TEST(import_limits, a_matrix_may_be_described_without_the_outer_name) {
  const test::temporary_directory directory;
  const event_batch written = test::write_store(directory / "store.h5", test::description_of({4, 5}, {2, 3, 1}), {}, 6, 4);
  static_cast<void>(export_events(*open_event_store(directory / "store.h5"), directory / "csr.h5", export_format::csr));
  change_file(directory / "csr.h5", [](hid_t file) {
    ASSERT_GE(H5Adelete(file, "binsparse"), 0);
    io::write_attribute(file, "binsparse", std::string(R"({"version": "0.1.0", "format": "CSR"})"));
  });
  import_events(directory / "csr.h5", directory / "back.h5", {});
  EXPECT_EQ(test::read_all(directory / "back.h5").indices, written.indices);
}

TEST(import_limits, event_lists_of_no_frame_are_an_empty_scan) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "stempy.h5";
  {
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
    io::write_dataset(file, "electron_events/scan_positions", {0}, static_cast<const std::int64_t*>(nullptr));
    const io::hdf5_handle scan(H5Dopen2(file, "electron_events/scan_positions", H5P_DEFAULT), "scan_positions");
    io::write_attribute(scan, "Nx", std::int64_t{2});
    io::write_attribute(scan, "Ny", std::int64_t{1});
    const io::hdf5_handle type(H5Tvlen_create(H5T_NATIVE_UINT32), "type");
    const hsize_t count = 0;
    const io::hdf5_handle space(H5Screate_simple(1, &count, nullptr), "space");
    const io::hdf5_handle frames(H5Dcreate2(file, "electron_events/frames", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                 "frames");
    io::write_attribute(frames, "Nx", std::int64_t{4});
    io::write_attribute(frames, "Ny", std::int64_t{5});
  }
  import_events(path, directory / "store.h5", {});
  const auto store = open_event_store(directory / "store.h5");
  EXPECT_EQ(store->description().scan, (scan_shape{1, 2, 1}));
  EXPECT_EQ(store->description().shape, (frame_shape{4, 5}));
  EXPECT_EQ(store->counts()[0], not_written);
  EXPECT_EQ(store->counts()[1], not_written);
}

TEST(calibration_file_limits, the_largest_frame_has_one) {
  const test::temporary_directory directory;
  calibration saved;
  saved.background16 = 16;
  saved.xray16 = no_xray_threshold;
  saved.shape = {65535, 65537};  // 2^32 - 1 pixels
  save_calibration(saved, directory / "calibration.h5");
  EXPECT_EQ(load_calibration(directory / "calibration.h5").shape, saved.shape);
  saved.shape = {65536, 65536};
  save_calibration(saved, directory / "beyond.h5");
  EXPECT_THROW((void)load_calibration(directory / "beyond.h5"), format_error);
}

TEST(image_file_limits, holds_reductions_and_where_they_come_from_and_nothing_else) {
  const test::temporary_directory directory;
  const std::vector<saved_image> images{{"sum", {2, 2}, std::vector<std::uint64_t>{1, 2, 3, 4}, "electrons", "a sum"}};
  const std::vector<std::pair<std::string, std::string>> provenance{{"version", "test"}};
  save_images(directory / "images.h5", images, provenance);
  EXPECT_TRUE(images_output.is_own(directory / "images.h5"));
  const auto with_more = [&](const std::string& name) {
    save_images(directory / "other.h5", images, provenance, {existing_file::replaced, {}});
    change_file(directory / "other.h5",
                [&](hid_t file) { io::write_dataset(file, name, {0}, static_cast<const std::int64_t*>(nullptr)); });
    return images_output.is_own(directory / "other.h5");
  };
  EXPECT_FALSE(with_more("events"));
  const auto without = [&](const char* name) {
    save_images(directory / "other.h5", images, provenance, {existing_file::replaced, {}});
    change_file(directory / "other.h5", [&](hid_t file) {
      ASSERT_GE(H5Ldelete(file, name, H5P_DEFAULT), 0);
      io::write_dataset(file, "events", {0}, static_cast<const std::int64_t*>(nullptr));
    });
    return images_output.is_own(directory / "other.h5");
  };
  EXPECT_FALSE(without("provenance"));
  EXPECT_FALSE(without("reductions"));
  static_cast<void>(test::write_store(directory / "store.h5", test::description_of({4, 5}, {2, 3, 1}), {}, 6, 4));
  EXPECT_FALSE(images_output.is_own(directory / "store.h5"));
  EXPECT_THROW((void)images_output.is_own(directory / "nothing.h5"), io_error);
}

TEST(mrc_limits, one_column_one_row_and_one_frame_are_enough) {
  // Words of the header: columns, rows, sections, mode 6 (u16).
  for (const std::array<std::int32_t, 3> extent : {std::array{1, 2, 3}, {2, 1, 3}, {2, 3, 1}}) {
    const test::temporary_directory directory;
    std::array<std::int32_t, 256> words{};
    std::copy(extent.begin(), extent.end(), words.begin());
    words[3] = 6;
    words[53] = 0x00004444;  // stamp: little endian
    const io::file_handle file = test::new_file(directory / "frames.mrc");
    file.write_at(0, words.data(), sizeof words);
    const std::array<std::uint16_t, 6> pixels{1, 2, 3, 4, 5, 6};
    file.write_at(sizeof words, pixels.data(), sizeof pixels);
    const auto source = open_source({directory / "frames.mrc"}, {});
    EXPECT_EQ(source->info().shape,
              (frame_shape{static_cast<std::uint32_t>(extent[1]), static_cast<std::uint32_t>(extent[0])}));
    EXPECT_EQ(source->info().scan.frames(), static_cast<std::uint64_t>(extent[2]));
  }
}

}  // namespace
}  // namespace countem
