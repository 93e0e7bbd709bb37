// Places in detector pixels and scan positions, whatever was cropped, binned or counted finer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <countem/error.hpp>
#include <countem/result_images.hpp>
#include <countem/store_copy.hpp>
#include <countem/store_geometry.hpp>

namespace {

using namespace countem;

TEST(store_geometry, axes_after_counting_cropping_and_binning) {
  EXPECT_EQ(counted_geometry({16, 16}, 1).row, (axis_scale{0, 1}));
  const axis_scale fine = counted_geometry({16, 16}, 4).row;
  EXPECT_EQ(fine, (axis_scale{-0.375, 0.25}));
  EXPECT_EQ(fine.part(16), (axis_scale{3.625, 0.25}));
  EXPECT_EQ(fine.part(0, 2), (axis_scale{-0.25, 0.5}));
  EXPECT_EQ(axis_scale{}.part(4, 3), (axis_scale{5, 3})) << "pixels 4, 5 and 6";
  EXPECT_EQ(axis_scale{}.part(4, 3).part(1, 2), (axis_scale{9.5, 6})) << "pixels 7 to 12";
  EXPECT_EQ(fine.index_of(fine.at(7.5)), 7.5);
}

TEST(store_geometry, refuses_what_is_no_axis) {
  const auto refused = [](auto change) {
    store_geometry geometry = counted_geometry({4, 4}, 1);
    change(geometry);
    EXPECT_THROW(validate(geometry), invalid_argument);
  };
  refused([](store_geometry& g) { g.row.step = g.column.step = 0; });
  refused([](store_geometry& g) { g.scan_row.step = -1; });
  refused([](store_geometry& g) { g.scan_column.first = std::numeric_limits<double>::quiet_NaN(); });
  refused([](store_geometry& g) { g.column.step = 2; });
  refused([](store_geometry& g) { g.pixel_mrad = -0.1; });
  refused([](store_geometry& g) { g.scan_step_nm = std::numeric_limits<double>::infinity(); });
  EXPECT_NO_THROW(validate(counted_geometry({4, 4}, 3)));
}

TEST(store_geometry, plans_are_in_pixels) {
  reduction_plan plan = parse_plan("virtual:annulus:2,4@5,7,virtual:disk:1,radial:2");
  plan.centre = detector_point{5, 7};
  const store_geometry fine = counted_geometry({16, 16}, 2);
  const reduction_plan cells = in_cells(plan, fine);
  EXPECT_EQ(*cells.centre, (detector_point{10.5, 14.5}));
  EXPECT_EQ(*cells.detectors[0].centre, (detector_point{10.5, 14.5}));
  EXPECT_EQ(cells.detectors[0].inner, 4);
  EXPECT_EQ(cells.detectors[0].outer, 8);
  EXPECT_FALSE(cells.detectors[1].centre);
  EXPECT_EQ(cells.radial_step, 4);
}

TEST(store_geometry, angles_become_cells) {
  reduction_plan plan = parse_plan("virtual:annulus:10,60mrad@5,7,virtual:disk:3,com,com-within:disk:20mrad,radial:5mrad");
  store_geometry fine = counted_geometry({16, 16}, 2);
  EXPECT_THROW(static_cast<void>(in_cells(plan, fine)), invalid_argument) << "the angle of a pixel is not known";
  fine.pixel_mrad = 2.5;
  const reduction_plan cells = in_cells(plan, fine);
  EXPECT_EQ(cells.detectors[0].inner, 8);
  EXPECT_EQ(cells.detectors[0].outer, 48);
  EXPECT_EQ(*cells.detectors[0].centre, (detector_point{10.5, 14.5})) << "in pixels, whatever the radii";
  EXPECT_EQ(cells.detectors[1].outer, 6);
  EXPECT_EQ(cells.com_within->detector.outer, 16);
  EXPECT_EQ(cells.radial_step, 4);
  plan.deflections.scale.pixel_mrad = 5;
  EXPECT_EQ(in_cells(plan, fine).detectors[0].outer, 24) << "the plan's own angle comes first";
  EXPECT_EQ(ring_width_in_pixels(plan, fine), 1);
  EXPECT_EQ(with_lengths(fine, plan).pixel_mrad, 5);
  EXPECT_THROW(static_cast<void>(make_masks(plan.detectors, {16, 16}, {0, 0})), invalid_argument) << "still in mrad";
}

TEST(store_geometry, centres_of_mass_are_in_pixels) {
  reduction_result result;
  result.counts = {2};
  result.moments = {{2, 2 * 20, 2 * 31}};
  const store_geometry fine = counted_geometry({16, 16}, 4);
  const std::vector<saved_image> images = images_of(result, parse_plan("com"), {{64, 64}, {1, 1, 1}, fine});
  ASSERT_EQ(images[1].name, "com_row");
  EXPECT_EQ(std::get<std::vector<double>>(images[1].values)[0], -0.375 + 20 * 0.25);
  EXPECT_EQ(std::get<std::vector<double>>(images[2].values)[0], -0.375 + 31 * 0.25);
}

TEST(store_geometry, images_have_the_axes_of_the_store) {
  reduction_result result;
  result.counts = {1, 1};
  result.sum = std::vector<std::uint64_t>(16, 1);
  store_geometry geometry = counted_geometry({8, 8}, 1);
  geometry.row = geometry.column = axis_scale{}.part(0, 2);
  geometry.scan_column = axis_scale{}.part(3);
  const auto axes_of = [&](std::size_t image) {
    return images_of(result, parse_plan("sum"), {{4, 4}, {1, 2, 1}, geometry})[image].axes;
  };
  EXPECT_EQ(axes_of(0).units, "positions");
  EXPECT_EQ(axes_of(0).column, (axis_scale{3, 1}));
  EXPECT_EQ(axes_of(1).units, "pixels");
  EXPECT_EQ(axes_of(1).row, (axis_scale{0.5, 2}));
  geometry.pixel_mrad = 0.5;
  geometry.scan_step_nm = 0.2;
  EXPECT_EQ(axes_of(0).units, "nm");
  EXPECT_DOUBLE_EQ(axes_of(0).column.first, 0.6);
  EXPECT_EQ(axes_of(1).units, "mrad");
  EXPECT_EQ(axes_of(1).row, (axis_scale{0.25, 1}));
}

TEST(whole_bins, leave_out_what_fills_none) {
  copy_plan plan{{1, 0, 5, 7}, {2, 3, {9, 10}}, 4, 2};
  const copy_plan cut = whole_bins(plan);
  EXPECT_EQ(cut.detector.shape, (frame_shape{8, 8}));
  EXPECT_EQ(cut.scan.height, 4U);
  EXPECT_EQ(cut.scan.width, 6U);
  EXPECT_EQ(cut.detector.row, 2U);
  plan.bin = 10;
  EXPECT_THROW(static_cast<void>(whole_bins(plan)), invalid_argument) << "9 rows";
  plan.bin = 9;
  EXPECT_EQ(whole_bins(plan).detector.shape, (frame_shape{9, 9}));
}

TEST(copied_geometry, follows_crop_and_bin) {
  store_description from;
  from.shape = {16, 16};
  from.scan = {4, 6, 1};
  from.geometry = counted_geometry({16, 16}, 1, sector_split::columns);
  const store_geometry copy = describe_copy(from, {{1, 2, 2, 4}, {4, 2, {8, 8}}, 2, 2}).geometry;
  EXPECT_EQ(copy.row, (axis_scale{4.5, 2}));
  EXPECT_EQ(copy.column, (axis_scale{2.5, 2}));
  EXPECT_EQ(copy.scan_row, (axis_scale{1.5, 2}));
  EXPECT_EQ(copy.scan_column, (axis_scale{2.5, 2}));
  EXPECT_EQ(copy.detector, (frame_shape{16, 16}));
  EXPECT_EQ(copy.split, sector_split::columns);
  from.options.upsample = 4;
  EXPECT_EQ(describe_copy(from, {{0, 0, 4, 6}, {0, 0, {16, 16}}, 2, 1}).options.upsample, 2U);
  EXPECT_EQ(describe_copy(from, {{0, 0, 4, 6}, {0, 0, {16, 16}}, 3, 1}).options.upsample, 1U);
}

}  // namespace
