// A reduction in passes that others do, and windows of positions joined: the result of one reading.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/reduction_passes.hpp>
#include <countem/scan_reducer.hpp>

namespace {

using namespace countem;

constexpr frame_shape grid{24, 20};
constexpr scan_shape scan{5, 7, 2};

/// A beam of radius 6 around (11, 9), and single electrons elsewhere; every fifth frame lacks a sector, every eleventh all.
event_batch all_frames() {
  std::mt19937 random(3);
  event_batch batch;
  batch.indptr = {0};
  for (std::uint64_t frame = 0; frame < scan.frames(); ++frame) {
    const std::uint8_t status = frame % 11 == 10 ? 0 : frame % 5 == 4 ? 0x0d : all_sectors;
    std::vector<std::uint32_t> events;
    for (int i = 0; status != 0 && i < 60; ++i) {
      const auto row = static_cast<std::uint32_t>(random() % grid.height);
      const auto column = static_cast<std::uint32_t>(random() % grid.width);
      const int down = static_cast<int>(row) - 11;
      const int right = static_cast<int>(column) - 9;
      const bool is_lost = status == 0x0d && row >= 6 && row < 12;
      if (!is_lost && (down * down + right * right < 36 || i < 3)) events.push_back(row * grid.width + column);
    }
    std::ranges::sort(events);
    batch.indices.insert(batch.indices.end(), events.begin(), events.end());
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(status);
    batch.xrays.push_back(0);
  }
  return batch;
}

/// Some of the frames, as a scan of its own.
event_batch frames_of(const event_batch& all, std::uint64_t first, std::uint64_t end) {
  event_batch some;
  some.indptr = {0};
  for (std::uint64_t frame = first; frame < end; ++frame) {
    const auto events = all.events(frame);
    some.indices.insert(some.indices.end(), events.begin(), events.end());
    some.indptr.push_back(some.indices.size());
    some.status.push_back(all.status[frame]);
    some.xrays.push_back(0);
  }
  return some;
}

reduction_result reduced(const reduction_plan& plan, const event_batch& batch, const scan_shape& positions) {
  scan_reducer reducer(plan, grid, positions, backend::cpu, 1);
  reducer.add(batch);
  return reducer.take();
}

reduction_plan plan_of_much() {
  reduction_plan plan = parse_plan(
      "sum,max,com,second-moments,errors,virtual:disk:5,virtual:annulus:3,8@4,4,radial:2,radial-profile:2,com-within:disk:6");
  plan.weights.push_back({"weights", std::vector<float>(grid.pixels()), {}});
  for (std::size_t pixel = 0; pixel < grid.pixels(); ++pixel)
    plan.weights.back().weights[pixel] = 0.125F * static_cast<float>(pixel % 9);
  return plan;
}

/// All passes over windows that begin at these positions.
reduced_store in_windows(const reduction_plan& plan, std::vector<std::uint32_t> begins) {
  const event_batch all = all_frames();
  begins.push_back(scan.height * scan.width);
  const result_axes axes{grid, scan, counted_geometry(grid, 1, sector_split::rows)};
  return reduce_in_passes(plan, axes, {}, [&](const reduction_plan& asked, reduction_pass pass) {
    reduction_result joined;
    for (std::size_t window = 0; window + 1 < begins.size(); ++window) {
      const std::uint32_t positions = begins[window + 1] - begins[window];
      const reduction_result next =
          reduced(plan_of_pass(asked, pass), frames_of(all, 2 * begins[window], 2 * begins[window + 1]),
                  {1, positions, scan.frames_per_position});
      if (window == 0) {
        joined = next;
      } else {
        append(joined, next);
      }
    }
    return joined;
  });
}

std::vector<std::string> images(const reduced_store& of) {
  std::vector<std::string> found;
  for (const saved_image& image : of.images()) {
    found.push_back(image.name);
    std::visit(
        [&](const auto& values) {
          for (const auto& value : values) found.push_back(std::to_string(value));
        },
        image.values);
  }
  return found;
}

TEST(reduction_passes, windows_that_are_joined_are_one_reading) {
  for (const char* incomplete : {"keep", "skip", "scale"}) {
    reduction_plan plan = plan_of_much();
    add_item(plan, std::string("incomplete:") + incomplete);
    const reduced_store one = in_windows(plan, {0});
    ASSERT_TRUE(one.plan.beam && one.plan.beam->found);
    EXPECT_GT(one.result.incomplete_frames, 0U);
    EXPECT_GT(one.result.missing_frames, 0U);
    for (const std::vector<std::uint32_t>& begins : {std::vector<std::uint32_t>{0, 7}, {0, 1, 2, 20, 34}, {0, 34}}) {
      const reduced_store joined = in_windows(plan, begins);
      EXPECT_EQ(images(joined), images(one));
      EXPECT_EQ(joined.plan.centre, one.plan.centre);
      EXPECT_EQ(joined.result.exposed(), one.result.exposed());
      EXPECT_EQ(joined.result.frames, scan.frames());
      EXPECT_EQ(joined.result.lost, one.result.lost);
    }
  }
}

TEST(reduction_passes, what_lacks_is_known_by_its_position_also_where_the_first_windows_lack_nothing) {
  const event_batch all = all_frames();
  reduction_result joined = reduced({}, frames_of(all, 0, 2), {1, 1, 2});
  EXPECT_TRUE(joined.lost.empty());
  append(joined, reduced({}, frames_of(all, 4, 6), {1, 1, 2}));
  EXPECT_THAT(joined.lost, testing::ElementsAre(sector_losses{0, 0, 0, 0}, sector_losses{0, 1, 0, 0}));
  append(joined, reduced({}, frames_of(all, 0, 2), {1, 1, 2}));
  EXPECT_THAT(joined.lost, testing::ElementsAre(sector_losses{}, sector_losses{0, 1, 0, 0}, sector_losses{}));
}

TEST(reduction_passes, passes_are_those_that_are_needed) {
  const auto passes_of = [](const char* items) {
    std::vector<reduction_pass> passes;
    const result_axes axes{grid, scan, counted_geometry(grid, 1, sector_split::rows)};
    (void)reduce_in_passes(parse_plan(items), axes, {}, [&](const reduction_plan& asked, reduction_pass pass) {
      passes.push_back(pass);
      return reduced(plan_of_pass(asked, pass), all_frames(), scan);
    });
    return passes;
  };
  using enum reduction_pass;
  EXPECT_EQ(passes_of("sum,max,com"), std::vector{everything});
  EXPECT_EQ(passes_of("virtual:disk:3@1,2"), std::vector{everything});
  EXPECT_EQ(passes_of("radial-profile:2"), (std::vector{without_centre, complete_frames}));
  EXPECT_EQ(passes_of("sum,virtual:disk:3"), (std::vector{without_centre, complete_frames, around_centre}));
}

TEST(reduction_passes, results_of_different_reductions_are_refused) {
  const event_batch all = all_frames();
  reduction_result sum = reduced({}, all, scan);
  EXPECT_THROW(append(sum, reduced(parse_plan("max"), all, scan)), invalid_argument);
  EXPECT_THROW(append(sum, reduced(parse_plan("sum,virtual:disk:3"), all, scan)), invalid_argument);
  EXPECT_THROW(append(sum, reduced(parse_plan("sum,radial:2"), all, scan)), invalid_argument);
}

}  // namespace
