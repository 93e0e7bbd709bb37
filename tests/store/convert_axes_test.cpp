// Exports keep what the axes of a scan mean, and imports take it back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/frame_source.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/storage.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using testing::HasSubstr;

/// A part of a scan, of a part of a detector on a grid of half pixels; both have lengths and origins.
store_geometry cut_geometry() {
  store_geometry geometry = counted_geometry({40, 60}, 2, sector_split::rows);
  geometry.row = geometry.row.part(8);
  geometry.column = geometry.column.part(20);
  geometry.scan_row = geometry.scan_row.part(3, 2);
  geometry.scan_column = geometry.scan_column.part(5, 2);
  geometry.pixel_mrad = 0.3;
  geometry.scan_step_nm = 0.25;
  geometry.detector_origin_mrad = {-6, -9};
  geometry.scan_origin_nm = {100, 0};
  return geometry;
}

store_geometry without_lengths() {
  store_geometry geometry = cut_geometry();
  geometry.pixel_mrad = geometry.scan_step_nm = 0;
  geometry.detector_origin_mrad = geometry.scan_origin_nm = {};
  return geometry;
}

store_geometry with_steps_alone() {
  store_geometry geometry = counted_geometry({16, 24}, 1);
  geometry.scan_step_nm = 1.5;
  return geometry;
}

struct exported_axes : testing::Test {
  void export_as(export_format form, const store_geometry& geometry, scan_shape scan = {3, 4, 1}) const {
    store_description description = description_of({16, 24}, scan);
    description.geometry = geometry;
    description.options.upsample = geometry.row.step < 1 ? 2 : 1;
    test::write_store(directory / "counted.h5", description, {});
    (void)export_events(*open_event_store(directory / "counted.h5"), directory / "out.h5", form);
  }
  [[nodiscard]] io::hdf5_handle open(unsigned flags = H5F_ACC_RDONLY) const {
    return {H5Fopen((directory / "out.h5").c_str(), flags, H5P_DEFAULT), "out.h5"};
  }
  [[nodiscard]] store_description imported() const {
    (void)import_events(directory / "out.h5", directory / "back.h5", {});
    return open_event_store(directory / "back.h5")->description();
  }

  test::temporary_directory directory;
};

struct exported_lists : exported_axes, testing::WithParamInterface<export_format> {};

TEST_P(exported_lists, come_back_with_their_axes) {
  for (const store_geometry& geometry : {cut_geometry(), without_lengths(), with_steps_alone()}) {
    export_as(GetParam(), geometry);
    const store_description back = imported();
    EXPECT_EQ(back.geometry, geometry);
    EXPECT_EQ(back.options.upsample, geometry.row.step < 1 ? 2U : 1U);
    std::filesystem::remove(directory / "back.h5");
    std::filesystem::remove(directory / "out.h5");
    std::filesystem::remove(directory / "counted.h5");
  }
}

TEST_P(exported_lists, without_axes_are_those_of_other_programs) {
  export_as(GetParam(), cut_geometry());
  {
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file = open(H5F_ACC_RDWR);
    io::hdf5_check(H5Adelete(file, "row_first"), "row_first");
  }
  const store_description back = imported();
  EXPECT_EQ(back.geometry.row, axis_scale{});
  EXPECT_EQ(back.geometry.pixel_mrad, 0);
  EXPECT_EQ(back.options.upsample, 1U);
}

TEST_P(exported_lists, are_refused_with_axes_that_make_no_sense) {
  const auto refusal = [&](const std::string& name, double value) -> std::string {
    export_as(GetParam(), cut_geometry());
    {
      const auto lock = io::hdf5_lock();
      const io::hdf5_handle file = open(H5F_ACC_RDWR);
      io::hdf5_check(H5Adelete(file, name.c_str()), name);
      io::write_attribute(file, name, value);
    }
    std::string words = "was imported";
    try {
      (void)imported();
    } catch (const format_error& reason) {
      words = reason.what();
    }
    for (const char* file : {"out.h5", "counted.h5", "back.h5"}) std::filesystem::remove(directory / file);
    return words;
  };
  EXPECT_THAT(refusal("row_step", 0), testing::AllOf(HasSubstr("out.h5"), HasSubstr("a step above 0")));
  EXPECT_THAT(refusal("scan_column_first", std::numeric_limits<double>::quiet_NaN()), HasSubstr("out.h5"));
  EXPECT_THAT(refusal("pixel_mrad", -1), HasSubstr("at least 0"));
  EXPECT_THAT(refusal("upsample", 1e9), HasSubstr("upsample"));
  EXPECT_THAT(refusal("detector_height", -4), HasSubstr("detector_height"));
}

INSTANTIATE_TEST_SUITE_P(forms, exported_lists, testing::Values(export_format::stempy, export_format::csr));

axis_lengths lengths_in(const std::filesystem::path& path) {
  return open_source({path}, {})->info().lengths;
}

TEST_F(exported_axes, of_dense_frames_are_datasets_beside_them) {
  for (const std::uint32_t repeats : {1U, 2U}) {
    export_as(export_format::dense, cut_geometry(), {3, 4, repeats});
    const axis_lengths found = lengths_in(directory / "out.h5");
    EXPECT_DOUBLE_EQ(found.pixel_mrad, 0.15);
    EXPECT_DOUBLE_EQ(found.scan_step_nm, 0.5);
    // The first cell has its centre a quarter of a pixel before that of pixel 4; the first position is the mean of 3 and 4.
    EXPECT_NEAR(found.detector_origin_mrad.row, -6 + 3.75 * 0.3, 1e-12);
    EXPECT_NEAR(found.detector_origin_mrad.column, -9 + 9.75 * 0.3, 1e-12);
    EXPECT_NEAR(found.scan_origin_nm.row, 100 + 3.5 * 0.25, 1e-12);
    EXPECT_NEAR(found.scan_origin_nm.column, 5.5 * 0.25, 1e-12);
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file = open();
    for (const std::string& group : {std::string("/"), std::string("/entry/data/")}) {
      const auto columns = io::read_dataset<double>(file, group + "column");
      ASSERT_EQ(columns.size(), 24U);
      EXPECT_NEAR(columns.back(), -9 + (9.75 + 23 * 0.5) * 0.3, 1e-12);
      EXPECT_EQ(io::read_text_attribute(io::open_dataset(file, group + "column"), "units"), "mrad");
      EXPECT_EQ(io::read_text_attribute(io::open_dataset(file, group + "scan_y"), "units"), "nm");
    }
    for (const char* name : {"out.h5", "counted.h5"}) std::filesystem::remove(directory / name);
  }
}

TEST_F(exported_axes, of_dense_frames_without_lengths_are_in_pixels) {
  export_as(export_format::dense, without_lengths());
  EXPECT_EQ(lengths_in(directory / "out.h5"), axis_lengths{});
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file = open();
  const auto rows = io::read_dataset<double>(file, "row");
  EXPECT_EQ(rows.front(), 3.75);
  EXPECT_EQ(rows.back(), 3.75 + 15 * 0.5);
  EXPECT_EQ(io::read_text_attribute(io::open_dataset(file, "row"), "units"), "pixels");
}

}  // namespace
}  // namespace countem
