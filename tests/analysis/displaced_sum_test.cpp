#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include <countem/displaced_sum.hpp>
#include <countem/error.hpp>

#include "tests/reductions/batch_of.hpp"

namespace {

using namespace countem;

constexpr std::int32_t nowhere = displacement_map::nowhere;

TEST(displaced_sum, counts_each_event_where_its_pixel_and_its_frame_say) {
  const event_batch batch = batch_of({{0, 1, 1, 3}, {}, {2, 3}});
  const displacement_map map{{2, 2}, {0, -2, nowhere, 3}};
  const std::vector<std::uint64_t> cells{2, 9, 4};
  std::vector<std::uint32_t> image(13, 10);
  reference::add_displaced(view_of(batch, {2, 2}), map, cells, image);
  // Frame 0: pixel 0 at 2, pixel 1 twice at 0, pixel 3 at 5; frame 2: pixel 2 nowhere, pixel 3 at 7.
  EXPECT_EQ(image, (std::vector<std::uint32_t>{12, 10, 11, 10, 10, 11, 10, 11, 10, 10, 10, 10, 10}));
}

TEST(displaced_sum, of_the_cpu_is_that_of_the_reference) {
  std::mt19937_64 random(11);
  for (const std::size_t frames : {0U, 1U, 2U, 40U, 1000U}) {
    const frame_shape shape{17, 23};
    std::vector<std::vector<std::uint32_t>> drawn(frames);
    std::vector<std::uint64_t> cells;
    for (auto& frame : drawn) {
      for (std::size_t i = random() % 60; i > 0; --i) frame.push_back(static_cast<std::uint32_t>(random() % shape.pixels()));
      std::sort(frame.begin(), frame.end());
      cells.push_back(50 + random() % 7);  // few cells: threads meet
    }
    displacement_map map{shape, {}};
    for (std::uint64_t p = 0; p < shape.pixels(); ++p)
      map.cells.push_back(random() % 3 == 0 ? nowhere : static_cast<std::int32_t>(random() % 101) - 50);
    const event_batch batch = batch_of(drawn);
    std::vector<std::uint32_t> wanted(107, 5);
    reference::add_displaced(view_of(batch, shape), map, cells, wanted);
    for (const unsigned threads : {1U, 2U, 5U}) {
      std::vector<std::uint32_t> image(107, 5);
      cpu::add_displaced(view_of(batch, shape), map, cells, image, threads);
      EXPECT_EQ(image, wanted) << frames << " frames, " << threads << " threads";
    }
  }
}

TEST(displaced_sum, refuses_what_would_lie_outside) {
  const event_batch batch = batch_of({{0}, {1}});
  const frame_shape shape{1, 2};
  const displacement_map map{shape, {-1, 2}};
  std::vector<std::uint32_t> image(8);
  const auto add = [&](const displacement_map& by, std::vector<std::uint64_t> cells) {
    cpu::add_displaced(view_of(batch, shape), by, cells, image, 1);
  };
  EXPECT_NO_THROW(add(map, {1, 5}));
  EXPECT_THROW(add(map, {0, 5}), invalid_argument);  // -1
  EXPECT_THROW(add(map, {1, 6}), invalid_argument);  // 8
  EXPECT_THROW(add(map, {1}), invalid_argument);
  EXPECT_THROW(add({{2, 1}, {0, 0}}, {1, 5}), invalid_argument);
  EXPECT_THROW(add({shape, {0}}, {1, 5}), invalid_argument);
  EXPECT_NO_THROW(add({shape, {nowhere, nowhere}}, {0, 100}));  // nothing is counted
}

}  // namespace
