// Frames that lack a part of the detector: what is NaN, what is scaled, and how complete each value is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include <countem/result_images.hpp>
#include <countem/scan_reducer.hpp>

#include "host/engine/completeness.hpp"

namespace {

using namespace countem;
using testing::DoubleEq;
using testing::ElementsAre;
using testing::NanSensitiveDoubleEq;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// A detector of four rows of two pixels, a row a sector; four positions: whole, without sector 0, without sector 3, never
/// arrived. Each whole frame has one electron at (0, 0) and two at (3, 1).
class four_positions {
 public:
  explicit four_positions(const char* items) : plan_(parse_plan(items)) {
    axes_.grid = {4, 2};
    axes_.scan = {1, 4, 1};
    axes_.geometry = counted_geometry(axes_.grid, 1, sector_split::rows);
    plan_.centre = detector_point{0, 0};
    scan_reducer reducer(in_cells(plan_, axes_.geometry), axes_.grid, axes_.scan, backend::cpu, 1);
    event_batch batch;
    batch.indices = {0, 7, 7, 7, 7, 0};
    batch.indptr = {0, 3, 5, 6, 6};
    batch.status = {all_sectors, 0x0e, 0x07, 0};
    batch.xrays = {0, 0, 0, 0};
    reducer.add(batch);
    images_ = images_of(reducer.result(), plan_, axes_);
  }

  [[nodiscard]] std::vector<double> values(const std::string& name) const {
    for (const saved_image& image : images_)
      if (image.name == name) return std::get<std::vector<double>>(image.values);
    ADD_FAILURE() << "no image " << name;
    return {};
  }

 private:
  reduction_plan plan_;
  result_axes axes_;
  std::vector<saved_image> images_;
};

testing::Matcher<std::vector<double>> are(double a, double b, double c, double d) {
  return ElementsAre(NanSensitiveDoubleEq(a), NanSensitiveDoubleEq(b), NanSensitiveDoubleEq(c), NanSensitiveDoubleEq(d));
}

TEST(incomplete_frames, what_arrived_is_kept_and_what_did_not_is_no_number) {
  const four_positions kept("sum,max,com,virtual:disk:0.5,virtual:disk:0.5@3,1,virtual:disk:9");
  EXPECT_THAT(kept.values("counts"), are(3, 2, 1, nan));
  EXPECT_THAT(kept.values("counts_completeness"), are(1, 0.75, 0.75, 0));
  EXPECT_THAT(kept.values("virtual_0"), are(1, nan, 1, nan)) << "only in sector 0";
  EXPECT_THAT(kept.values("virtual_0_completeness"), are(1, 0, 1, 0));
  EXPECT_THAT(kept.values("virtual_1"), are(2, 2, nan, nan)) << "only in sector 3";
  EXPECT_THAT(kept.values("virtual_2"), are(3, 2, 1, nan));
  EXPECT_THAT(kept.values("virtual_2_completeness"), are(1, 0.75, 0.75, 0));
  EXPECT_THAT(kept.values("com_row"), are(2, nan, nan, nan)) << "of a part of a pattern there is none";
  EXPECT_THAT(kept.values("com_completeness"), are(1, 0.75, 0.75, 0));
  EXPECT_THAT(kept.values("sum"), ElementsAre(2, 0, 0, 0, 0, 0, 0, 4));
  EXPECT_THAT(kept.values("maximum"), ElementsAre(1, 0, 0, 0, 0, 0, 0, 2));
  EXPECT_EQ(kept.values("maximum_completeness"), kept.values("sum_completeness"));
  EXPECT_THAT(kept.values("sum_completeness"), ElementsAre(0.5, 0.5, 0.75, 0.75, 0.75, 0.75, 0.5, 0.5));
}

TEST(incomplete_frames, are_divided_by_what_arrived) {
  const four_positions scaled("sum,com,virtual:disk:9,incomplete:scale");
  EXPECT_THAT(scaled.values("counts"), are(3, 2 / 0.75, 1 / 0.75, nan));
  EXPECT_THAT(scaled.values("virtual_0"), are(3, 2 / 0.75, 1 / 0.75, nan));
  EXPECT_THAT(scaled.values("com_row"), are(2, nan, nan, nan));
  EXPECT_THAT(scaled.values("sum"), ElementsAre(4, 0, 0, 0, 0, 0, 0, 8));
}

TEST(incomplete_frames, are_left_out_whole) {
  const four_positions skipped("sum,com,virtual:disk:0.5,incomplete:skip");
  EXPECT_THAT(skipped.values("counts"), are(3, nan, nan, nan));
  EXPECT_THAT(skipped.values("virtual_0"), are(1, nan, nan, nan));
  EXPECT_THAT(skipped.values("com_row"), are(2, nan, nan, nan));
  EXPECT_THAT(skipped.values("sum"), ElementsAre(1, 0, 0, 0, 0, 0, 0, 2));
  EXPECT_THAT(skipped.values("sum_completeness"), testing::Each(DoubleEq(0.25)));
}

TEST(incomplete_frames, pixels_that_no_frame_has_are_no_number) {
  reduction_result result;
  result.frames = 1;
  result.counts = {1};
  result.sum = {0, 0, 1, 0};
  result.maximum = {0, 0, 1, 0};
  result.lost = {{0, 1, 0, 0}};
  const std::vector<saved_image> images =
      images_of(result, parse_plan("sum,max"), {{4, 1}, {1, 1, 1}, counted_geometry({4, 1}, 1, sector_split::rows)});
  for (const saved_image& image : images) {
    if (image.name != "sum" && image.name != "maximum") continue;
    EXPECT_THAT(std::get<std::vector<double>>(image.values), are(0, nan, 1, 0)) << image.name;
  }
}

TEST(incomplete_frames, rings_have_a_share_each) {
  const four_positions rings("radial:3");
  EXPECT_THAT(rings.values("radial_completeness"),
              ElementsAre(1, 1, DoubleEq(2 / 3.0), 1, 1, DoubleEq(0), DoubleEq(0), DoubleEq(0)));
}

TEST(incomplete_frames, a_sector_that_no_frame_has_is_no_part_of_a_centre_of_mass) {
  reduction_result result;
  result.frames = 2;
  result.counts = {2, 3};
  result.moments = {{2, 4, 0}, {3, 3, 3}};
  result.lost = {{0, 1, 0, 0}, {0, 1, 1, 0}};
  result_axes axes{{4, 2}, {1, 2, 1}, counted_geometry({4, 2}, 1, sector_split::rows)};
  const std::vector<saved_image> images = images_of(result, parse_plan("com"), axes);
  EXPECT_THAT(std::get<std::vector<double>>(images[2].values), ElementsAre(2, NanSensitiveDoubleEq(nan))) << images[2].name;
}

TEST(incomplete_frames, whole_scans_have_no_maps_of_it) {
  reduction_result result;
  result.counts = {2};
  for (const saved_image& image : images_of(result, empty_plan(), {{4, 2}, {1, 1, 1}, counted_geometry({4, 2}, 1)}))
    EXPECT_FALSE(image.name.ends_with("_completeness")) << image.name;
}

TEST(sector_map, cells_that_lie_across_a_border_belong_to_both) {
  store_geometry geometry = counted_geometry({8, 2}, 1, sector_split::rows);
  geometry.row = geometry.row.part(1, 2);  // cells of rows 1-2, 3-4, 5-6
  const engine::sector_map sectors(geometry, {3, 1});
  EXPECT_THAT(sectors.of(0), ElementsAre(0.5, 0.5, 0, 0));
  EXPECT_THAT(sectors.of(1), ElementsAre(0, 0.5, 0.5, 0));
  EXPECT_THAT(sectors.of(2), ElementsAre(0, 0, 0.5, 0.5));
  EXPECT_THAT(sectors.weigh([](std::uint64_t cell) { return cell == 1 ? 4.0 : 1.0; }), ElementsAre(0.5, 2.5, 2.5, 0.5));
  geometry.split = sector_split::columns;
  EXPECT_THAT(engine::sector_map(geometry, {3, 2}).of(1), ElementsAre(0, 0, 0.5, 0.5))
      << "column 1 of 2, which are two quarters each";
  geometry.split = sector_split::none;
  EXPECT_THAT(engine::sector_map(geometry, {3, 1}).of(2), ElementsAre(0.25, 0.25, 0.25, 0.25));
}

TEST(sector_map, shares_are_exact_at_both_ends) {
  const engine::sector_weights weights{0.1, 0.2, 0.3, 0};
  EXPECT_EQ(engine::arrived_share(weights, {0, 0, 0, 3}, 3), 1) << "nothing lies in sector 3";
  EXPECT_EQ(engine::arrived_share(weights, {3, 3, 3, 0}, 3), 0);
  EXPECT_DOUBLE_EQ(engine::arrived_share(weights, {3, 0, 0, 0}, 3), 0.5 / 0.6);
  EXPECT_DOUBLE_EQ(engine::arrived_share(weights, {1, 0, 0, 0}, 2), 0.55 / 0.6);
  EXPECT_EQ(engine::arrived_share({}, {1, 1, 1, 1}, 1), 1);
}

}  // namespace
