#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <variant>
#include <vector>

#include <countem/deflection.hpp>
#include <countem/error.hpp>
#include <countem/store_batches.hpp>
#include <countem/store_copy.hpp>
#include <countem/store_reduction.hpp>

#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace {

using namespace countem;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(range_limits, either_number_may_be_left_out_and_the_last_may_be_the_length) {
  const index_ranges all = parse_ranges(":,:", 5, 7);
  EXPECT_THAT((std::vector{all.row, all.row_end, all.column, all.column_end}), ElementsAre(0, 5, 0, 7));
  const index_ranges some = parse_ranges("4:5,0:7", 5, 7);
  EXPECT_THAT((std::vector{some.row, some.row_end, some.column, some.column_end}), ElementsAre(4, 5, 0, 7));
  for (const char* wrong : {"", "1:2", "1,2", "1:2,3", "1:1,:", "2:1,:", "0:6,:", ":,0:8",
                            ":,7:", "a:,:", "1x:2,:", "1:2x,:", "-1:2,:", ":,: ", "99999999999:,:"}) {
    EXPECT_THROW((void)parse_ranges(wrong, 5, 7), invalid_argument) << wrong;
  }
}

copy_plan whole_plan(const store_description& of) {
  copy_plan plan;
  plan.scan = whole(of.scan);
  plan.detector = {0, 0, of.shape};
  return plan;
}

TEST(copy_limits, windows_end_where_the_store_does) {
  const store_description from = test::description_of({4, 5}, {2, 3, 1});
  const auto describe = [&](const detector_window& detector, const scan_window& scan) {
    copy_plan plan = whole_plan(from);
    plan.detector = detector;
    plan.scan = scan;
    return describe_copy(from, plan);
  };
  const scan_window all = whole(from.scan);
  EXPECT_EQ(describe({1, 2, {3, 3}}, all).shape, (frame_shape{3, 3}));
  EXPECT_THROW((void)describe({2, 0, {3, 5}}, all), invalid_argument) << "a row too many";
  EXPECT_THROW((void)describe({0, 3, {4, 3}}, all), invalid_argument) << "a column too many";
  EXPECT_THROW((void)describe({0xffff'ffff, 0, {2, 1}}, all), invalid_argument) << "no sum wraps";
  EXPECT_THROW((void)describe({0, 0, {0, 5}}, all), invalid_argument);
  EXPECT_EQ(describe({0, 0, {4, 5}}, {1, 1, 1, 2}).scan, (scan_shape{1, 2, 1}));
  EXPECT_THROW((void)describe({0, 0, {4, 5}}, {1, 0, 2, 3}), invalid_argument);
  EXPECT_THROW((void)describe({0, 0, {4, 5}}, {0, 1, 2, 3}), invalid_argument);
  EXPECT_THROW((void)describe({0, 0, {4, 5}}, {0, 0, 0, 3}), invalid_argument);
  copy_plan plan = whole_plan(from);
  plan.bin = 0;
  EXPECT_THROW((void)describe_copy(from, plan), invalid_argument) << "a step of nothing";
  plan = whole_plan(from);
  plan.scan_bin = 0;
  EXPECT_THROW((void)describe_copy(from, plan), invalid_argument);
}

TEST(copy_limits, images_are_cut_where_a_pixel_stays_a_pixel) {
  store_description from = test::description_of({2, 3}, {1, 1, 1});
  from.calibrated.shape = {2, 3};
  from.calibrated.dark16 = {1, 2, 3, 4, 5, 6};
  copy_plan plan = whole_plan(from);
  plan.detector = {1, 1, {1, 2}};
  EXPECT_THAT(describe_copy(from, plan).calibrated.dark16, ElementsAre(5, 6));
  EXPECT_EQ(describe_copy(from, plan).calibrated.shape, (frame_shape{1, 2}));
  plan = whole_plan(from);
  plan.bin = 2;
  EXPECT_TRUE(describe_copy(from, plan).calibrated.dark16.empty());
  EXPECT_EQ(describe_copy(from, plan).calibrated.background16, from.calibrated.background16);
  EXPECT_EQ(describe_copy(from, plan).shape, (frame_shape{1, 2})) << "the rest of a row or column is a pixel too";
}

/// A 2 x 3 scan of frames of 4 x 5 pixels, every pixel with one event; frame 5 also was cut short and saw an X-ray.
store_description write_full_frames(const std::filesystem::path& path) {
  const store_description description = test::description_of({4, 5}, {2, 3, 1});
  event_batch batch;
  for (std::uint32_t frame = 0; frame < 6; ++frame) {
    for (std::uint32_t pixel = 0; pixel < 20; ++pixel) batch.indices.push_back(pixel);
    batch.indptr.push_back(batch.indices.size());
    batch.xrays.push_back(frame == 5 ? 1 : 0);
    batch.status.push_back(static_cast<std::uint8_t>(all_sectors | (frame == 5 ? status_truncated | status_xray : 0)));
  }
  const auto writer = create_event_store(path, description, {});
  test::put(*writer, batch);
  writer->finish();
  return description;
}

event_batch copied(const std::filesystem::path& from_path, const std::filesystem::path& to_path, const copy_plan& plan) {
  const auto from = open_event_store(from_path);
  const auto to = create_event_store(to_path, describe_copy(from->description(), plan), {});
  copy_frames(*from, plan, *to, {});
  to->finish();
  return test::read_all(to_path);
}

TEST(copy_limits, a_window_keeps_its_pixels_and_no_neighbour) {
  const test::temporary_directory directory;
  copy_plan plan = whole_plan(write_full_frames(directory / "from.h5"));
  plan.detector = {1, 1, {2, 3}};
  plan.scan = {1, 1, 1, 2};
  const event_batch copy = copied(directory / "from.h5", directory / "to.h5", plan);
  ASSERT_EQ(copy.frames(), 2U);
  EXPECT_EQ(copy.first_frame, 0U);
  for (std::size_t frame = 0; frame < 2; ++frame) {
    const auto events = copy.events(frame);
    EXPECT_THAT(std::vector<std::uint32_t>(events.begin(), events.end()), ElementsAre(0, 1, 2, 3, 4, 5)) << frame;
  }
  EXPECT_EQ(copy.status[0], all_sectors);
  EXPECT_EQ(copy.status[1], all_sectors | status_truncated | status_xray) << "frame 5 stays cut short";
  EXPECT_THAT(copy.xrays, ElementsAre(0, 1));
}

TEST(copy_limits, binned_pixels_and_positions_hold_what_their_parts_held) {
  const test::temporary_directory directory;
  copy_plan plan = whole_plan(write_full_frames(directory / "from.h5"));
  plan.bin = 3;
  plan.scan_bin = 2;
  const event_batch copy = copied(directory / "from.h5", directory / "to.h5", plan);
  ASSERT_EQ(copy.frames(), 2U) << "2 x 3 positions, two by two";
  // Of 4 x 5 pixels, 3 x 3 go to pixel 0, 3 x 2 to 1, 1 x 3 to 2, 1 x 2 to 3; four positions make the first, two the second.
  for (std::size_t frame = 0; frame < 2; ++frame) {
    std::vector<int> counts(4);
    for (const std::uint32_t index : copy.events(frame)) ++counts.at(index);
    const int positions = frame == 0 ? 4 : 2;
    EXPECT_THAT(counts, ElementsAre(9 * positions, 6 * positions, 3 * positions, 2 * positions)) << frame;
  }
  EXPECT_EQ(copy.status[0] & status_truncated, 0);
  EXPECT_EQ(copy.status[1] & status_truncated, status_truncated);
  EXPECT_THAT(copy.xrays, ElementsAre(0, 1));
}

TEST(copy_limits, values_go_where_their_events_go) {
  const test::temporary_directory directory;
  store_description description = test::description_of({4, 5}, {1, 2, 1});
  description.options.values = event_value::charge;
  event_batch batch;
  batch.indices = {3, 7, 7, 7};
  batch.values = {50, 9, 12, 4};
  batch.indptr = {0, 3, 4};
  batch.status = {all_sectors, all_sectors};
  batch.xrays = {0, 0};
  const auto writer = create_event_store(directory / "from.h5", description, {});
  test::put(*writer, batch);
  writer->finish();
  copy_plan plan = whole_plan(description);
  plan.detector = {1, 0, {3, 5}};  // without pixel 3; pixel 7 becomes 2
  event_batch copy = copied(directory / "from.h5", directory / "window.h5", plan);
  EXPECT_THAT(copy.indices, ElementsAre(2, 2, 2));
  EXPECT_THAT(copy.indptr, ElementsAre(0, 2, 3));
  EXPECT_THAT(copy.values, ElementsAre(9, 12, 4));
  plan.scan_bin = 2;
  copy = copied(directory / "from.h5", directory / "merged.h5", plan);
  EXPECT_THAT(copy.indices, ElementsAre(2, 2, 2));
  EXPECT_THAT(copy.values, ElementsAre(4, 9, 12)) << "ties are sorted by value";

  copy_plan without = whole_plan(write_full_frames(directory / "without.h5"));
  EXPECT_THAT(copied(directory / "without.h5", directory / "copy.h5", without).values, IsEmpty());
}

TEST(reduce_store_limits, detectors_lie_around_the_disk_that_the_sum_shows) {
  const test::temporary_directory directory;
  const store_description description = test::description_of({40, 60}, {1, 3, 1});
  event_batch batch;
  for (int frame = 0; frame < 3; ++frame) {
    for (std::uint32_t pixel = 0; pixel < 40 * 60; ++pixel) {
      const double row = pixel / 60 - 14.0;
      const double column = pixel % 60 - 25.0;
      if (row * row + column * column < 64) batch.indices.push_back(pixel);
    }
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(all_sectors);
    batch.xrays.push_back(0);
  }
  const auto writer = create_event_store(directory / "store.h5", description, {});
  test::put(*writer, batch);
  writer->finish();
  reduction_plan plan;
  plan.detectors = {parse_detector("disk:10")};
  const auto store = open_event_store(directory / "store.h5");
  const reduced_store reduced = reduce_store(*store, plan, whole(description), backend::cpu, {});
  ASSERT_TRUE(reduced.plan.centre.has_value());
  EXPECT_NEAR(reduced.plan.centre->row, 14, 0.5);
  EXPECT_NEAR(reduced.plan.centre->column, 25, 0.5);
  const std::uint64_t all = batch.indices.size() / 3;
  EXPECT_THAT(reduced.result.virtual_images.at(0), ElementsAre(all, all, all)) << "around the middle, some lie outside";
}

/// The beam is that of complete frames: a sector that half of the frames lack would move it.
TEST(reduce_store_limits, the_beam_is_looked_for_in_complete_frames) {
  const test::temporary_directory directory;
  store_description description = test::description_of({80, 60}, {2, 20, 1});
  description.geometry = counted_geometry({80, 60}, 1, sector_split::rows);
  event_batch batch;
  for (std::uint32_t frame = 0; frame < 40; ++frame) {
    const bool lacks = frame % 2 == 1;
    for (std::uint32_t pixel = 0; pixel < 80 * 60; ++pixel) {
      const double row = pixel / 60 - 42.0;
      const double column = pixel % 60 - 25.0;
      if (row * row + column * column < 144 && (!lacks || pixel / 60 < 40 || pixel / 60 >= 60)) batch.indices.push_back(pixel);
    }
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(lacks ? 0x0b : all_sectors);
    batch.xrays.push_back(0);
  }
  const auto writer = create_event_store(directory / "store.h5", description, {});
  test::put(*writer, batch);
  writer->finish();
  const auto store = open_event_store(directory / "store.h5");
  EXPECT_EQ(store->description().geometry, description.geometry);
  const reduced_store reduced = reduce_store(*store, parse_plan("com,virtual:disk:13"), whole(description), backend::cpu, {});
  ASSERT_TRUE(reduced.plan.beam->found);
  EXPECT_NEAR(reduced.plan.centre->row, 42, 0.1);
  EXPECT_NEAR(reduced.plan.centre->column, 25, 0.1);
  EXPECT_NEAR(reduced.plan.beam->radius, 12, 0.5);
  EXPECT_EQ(reduced.plan.beam->how, "found in the sum of 20 complete frames");
  EXPECT_EQ(reduced.result.incomplete_frames, 20U);
  for (const saved_image& image : reduced.images()) {
    if (image.name != "com_row") continue;
    const auto& rows = std::get<std::vector<double>>(image.values);
    EXPECT_EQ(rows[0], 42);
    EXPECT_TRUE(std::isnan(rows[1]));
  }
}

TEST(reading_limits, batches_of_a_window_count_within_it) {
  const test::temporary_directory directory;
  static_cast<void>(write_full_frames(directory / "from.h5"));
  const auto store = open_event_store(directory / "from.h5");
  std::vector<std::uint64_t> firsts;
  reading_options options;
  int batches = 0;
  options.after_batch = [&] { ++batches; };
  for_batches(*store, {0, 1, 2, 2}, options, [&](const event_batch& batch) { firsts.push_back(batch.first_frame); });
  EXPECT_THAT(firsts, ElementsAre(0, 2));
  EXPECT_EQ(batches, 2);
  EXPECT_THROW(for_batches(*store, {0, 1, 2, 3}, {}, [](const event_batch&) {}), invalid_argument);
  const std::atomic<bool> stop{true};
  options.stop = &stop;
  EXPECT_THROW(for_batches(*store, {0, 0, 2, 3}, options, [](const event_batch&) {}), interrupted);
}

TEST(reading_limits, all_frames_come_where_they_need_more_than_one_batch) {
  const test::temporary_directory directory;
  (void)test::write_store(directory / "from.h5", test::description_of({4, 4}, {2, 2049, 1}), {}, 500, 1);
  const auto store = open_event_store(directory / "from.h5");
  std::uint64_t next = 0;
  for_batches(*store, {0, 0, 2, 2049}, {}, [&](const event_batch& batch) {
    EXPECT_EQ(batch.first_frame, next);
    next += batch.frames();
  });
  EXPECT_EQ(next, 4098U) << "two batches of 2048 and one of 2";
  std::vector<std::uint64_t> firsts;
  for_batches(*store, {1, 0, 1, 2048}, {}, [&](const event_batch& batch) { firsts.push_back(batch.first_frame); });
  EXPECT_THAT(firsts, ElementsAre(0)) << "2048 are one batch";
}

TEST(plane_limits, three_points_make_one) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const scan_plane exact = fit_plane({0, 2, 5, none}, {2, 2, 1});  // 2 per column, 5 per row
  EXPECT_NEAR(exact.per_row, 5, 1e-12);
  EXPECT_NEAR(exact.per_column, 2, 1e-12);
  EXPECT_NEAR(exact.middle, 3.5, 1e-12);
  const scan_plane level = fit_plane({1, 2, none, none}, {2, 2, 1});
  EXPECT_EQ(level.middle, 1.5);
  EXPECT_EQ(level.per_row, 0);
  EXPECT_EQ(level.per_column, 0);
  EXPECT_EQ(fit_plane({none, none}, {1, 2, 1}).middle, 0);
}

TEST(plane_limits, has_its_value_in_the_middle_of_the_scan) {
  const scan_plane plane{10, 2, 3};
  EXPECT_EQ(plane.at({3, 5, 1}, 7), 10) << "row 1 of 3, column 2 of 5";
  EXPECT_EQ(plane.at({3, 5, 1}, 0), 10 - 1 * 2 - 2 * 3);
  EXPECT_EQ(plane.at({3, 5, 1}, 14), 10 + 1 * 2 + 2 * 3);
  EXPECT_EQ(plane.at({2, 2, 1}, 0), 10 - 0.5 * 2 - 0.5 * 3) << "between positions";
}

}  // namespace
