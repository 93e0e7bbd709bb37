#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/error.hpp>
#include <countem/pipeline.hpp>

#include "host/engine/dark_mask.hpp"
#include "host/engine/faster_way.hpp"
#include "host/engine/noise_peak.hpp"
#include "host/engine/robust.hpp"
#include "host/engine/sample.hpp"
#include "host/engine/threads.hpp"
#include "tests/calibration/memory_source.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using testing::ElementsAre;

TEST(robust_limits, the_upper_median_and_the_median_distance_from_it) {
  std::vector<float> four{4, 1, 3, 2};
  EXPECT_EQ(engine::median(four), 3);
  std::vector<float> none;
  EXPECT_EQ(engine::median(none), 0);
  const engine::robust_spread spread = engine::spread_of({10, 11, 12, 13, 1000});  // distances 2, 1, 0, 1, 988
  EXPECT_EQ(spread.centre, 12);
  EXPECT_EQ(spread.sigma, 1.4826F);
}

TEST(densest_quarter_limits, of_equal_quarters_the_first) {
  std::vector<std::int32_t> charges{20, 21, 0, 2, 50, 51, 80, 90};
  const engine::gaussian dense = engine::densest_quarter(charges);
  EXPECT_EQ(dense.mean, 20.5);
  EXPECT_EQ(dense.sigma, 1 / 0.637);
}

TEST(densest_quarter_limits, the_last_one_counts_too) {
  std::vector<std::int32_t> charges{0, 10, 20, 30, 40, 50, 60, 61};
  EXPECT_EQ(engine::densest_quarter(charges).mean, 60.5);
}

TEST(charge_histogram_limits, merged_bins_know_where_their_charges_lie) {
  engine::charge_histogram a(0, 4, 2);
  engine::charge_histogram b(0, 4, 2);
  a.add(0);
  b.add(2);
  b.add(7);  // 3 inside its bin
  b.add(8);  // outside
  a.merge(b);
  EXPECT_THAT(a.counts(), ElementsAre(2, 1));
  EXPECT_DOUBLE_EQ(a.centre(0), 5.0 / 3);
  EXPECT_DOUBLE_EQ(a.centre(1), 4 + 5.0 / 3);
  EXPECT_DOUBLE_EQ(a.variance_inside(), 13.0 / 3 - 25.0 / 9);
}

TEST(charge_statistics_limits, the_deviation_needs_two) {
  engine::charge_statistics statistics;
  statistics.add(std::vector<std::int32_t>{5});
  EXPECT_EQ(statistics.sigma(), 0);
  statistics.add(std::vector<std::int32_t>{7});
  EXPECT_EQ(statistics.mean(), 6);
  EXPECT_DOUBLE_EQ(statistics.sigma(), std::sqrt(2.0));
}

TEST(draw_frames_limits, as_many_as_wanted_or_as_arrived) {
  memory_source<std::uint8_t> source({1, 1});
  for (int frame = 0; frame < 300; ++frame) source.add({1}, frame % 3 == 0 ? all_sectors : 0);
  for (const std::uint32_t wanted : {1U, 63U, 64U, 65U, 99U, 100U, 101U, 1000U}) {
    const std::vector<std::uint64_t> drawn = engine::draw_frames(source, wanted, 7, 1);
    EXPECT_EQ(drawn.size(), std::min(wanted, 100U));
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      EXPECT_EQ(drawn[i] % 3, 0U);
      EXPECT_TRUE(i == 0 || drawn[i - 1] < drawn[i]) << "no frame twice";
    }
  }
}

TEST(draw_frames_limits, steps_of_the_golden_ratio) {
  // 10 frames: 6 shares a divisor with 10, so the step is 7. Three in a row of 0, 7, 4, 1, 8, 5, 2, 9, 6, 3.
  memory_source<std::uint8_t> source({1, 1});
  for (int frame = 0; frame < 10; ++frame) source.add({1});
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<std::uint64_t> one = engine::draw_frames(source, 1, seed, 1);
    const std::vector<std::uint64_t> three = engine::draw_frames(source, 3, seed, 1);
    std::vector<std::uint64_t> expected{one[0], (one[0] + 7) % 10, (one[0] + 4) % 10};
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(three, expected) << seed;
  }
}

TEST(faster_way_limits, both_in_turn_three_times_then_the_faster_and_each_sixteenth_turn_the_other) {
  engine::faster_way<2> ways;
  for (int turn = 0; turn < 64; ++turn) {
    const std::size_t way = ways.next();
    const std::size_t expected = turn < 6 ? static_cast<std::size_t>(turn % 2) : turn % 16 == 5 ? 0 : 1;
    ASSERT_EQ(way, expected) << turn;
    ways.took(way, way == 0 ? 2 : 1);
  }
}

TEST(faster_way_limits, the_first_time_counts_whole) {
  // Way 0 takes 2 seconds three times, way 1 first 1 and then 3: its shortest, a little longer each time, is 1.0609.
  engine::faster_way<2> ways;
  for (int turn = 0; turn < 3; ++turn) {
    ways.took(ways.next(), 2);
    ways.took(ways.next(), turn == 0 ? 1 : 3);
  }
  EXPECT_EQ(ways.next(), 1U);
}

/// Nine pixels in a row with means of 10 and sigmas of 1 ADU, seen in five frames.
engine::dark_statistics quiet_row() {
  engine::dark_statistics darks;
  darks.shape = {1, 9};
  darks.count.assign(9, 5);
  darks.mean_adu.assign(9, 10);
  darks.sigma_adu.assign(9, 1);
  return darks;
}

std::uint8_t mask_of_the_middle(const engine::dark_statistics& darks) {
  const std::vector<std::uint8_t> mask = engine::mask_from(darks, 1);
  for (std::size_t p = 0; p < mask.size(); ++p) EXPECT_TRUE(p == 4 || mask[p] == 0) << p;
  return mask[4];
}

TEST(dark_mask_limits, hot_is_more_than_eight_sigmas_above_the_neighbours_in_its_row) {
  engine::dark_statistics darks = quiet_row();
  darks.mean_adu[4] = 18;
  EXPECT_EQ(mask_of_the_middle(darks), 0);
  darks.mean_adu[4] = 18.01F;
  EXPECT_EQ(mask_of_the_middle(darks), mask_hot);
  darks.mean_adu[4] = 2;
  EXPECT_EQ(mask_of_the_middle(darks), 0) << "below is not hot";
}

TEST(dark_mask_limits, blinking_is_more_than_twice_the_usual_sigma) {
  engine::dark_statistics darks = quiet_row();
  darks.sigma_adu[4] = 2;
  EXPECT_EQ(mask_of_the_middle(darks), 0);
  darks.sigma_adu[4] = 2.01F;
  EXPECT_EQ(mask_of_the_middle(darks), mask_blinking);
}

TEST(dark_mask_limits, three_equal_values_prove_a_float_pixel_dead_and_none_at_all_any) {
  engine::dark_statistics darks = quiet_row();
  darks.integer = false;
  darks.sigma_adu[4] = 0;
  darks.count[4] = 2;
  EXPECT_EQ(mask_of_the_middle(darks), 0);
  darks.count[4] = 3;
  EXPECT_EQ(mask_of_the_middle(darks), mask_dead);
  darks.count[4] = 0;
  darks.mean_adu[4] = 1'000'000;  // anything
  EXPECT_EQ(mask_of_the_middle(darks), mask_dead);
}

TEST(dark_mask_limits, as_many_equal_integers_as_chance_does_not_give) {
  // At 1 ADU noise the commonest value has a probability of 0.3829: 1 + ceil(9 ln 10 / 0.96) = 23 frames.
  engine::dark_statistics darks = quiet_row();
  darks.count.assign(9, 40);
  darks.sigma_adu[4] = 0;
  darks.count[4] = 22;
  EXPECT_EQ(mask_of_the_middle(darks), 0);
  darks.count[4] = 23;
  EXPECT_EQ(mask_of_the_middle(darks), mask_dead);
}

TEST(run_with_limits, as_many_threads_as_wanted_and_the_machine_has) {
  const int cores = oneapi::tbb::info::default_concurrency();
  const auto threads = [](unsigned wanted) {
    return engine::run_with(wanted, [] { return oneapi::tbb::this_task_arena::max_concurrency(); });
  };
  EXPECT_EQ(threads(0), cores);
  EXPECT_EQ(threads(1), 1);
  EXPECT_EQ(threads(static_cast<unsigned>(cores)), cores);
  EXPECT_EQ(threads(static_cast<unsigned>(cores) + 1), cores);
}

TEST(backend_limits, devices_that_are_named_must_be_there_and_wanted) {
  const std::vector<unsigned> nowhere{4'000'000'000U};
  EXPECT_THROW((void)choose_backend(backend::cuda, nowhere), error);
  EXPECT_THROW((void)choose_backend(backend::automatic, nowhere), error);
  EXPECT_THROW((void)choose_backend(backend::cpu, nowhere), invalid_argument);
  EXPECT_THROW((void)choose_backend(backend::reference, nowhere), invalid_argument);
  EXPECT_EQ(choose_backend(backend::cpu).used, backend::cpu);
}

}  // namespace
