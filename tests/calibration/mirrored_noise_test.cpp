#include "host/engine/mirrored_noise.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace countem::engine {
namespace {

/// How often each charge is in the sample.
using charges = std::map<std::int32_t, int>;

charge_tails tails_of(const charges& sample, std::int32_t centre = 0, std::int32_t reach = 100) {
  charge_tails tails(centre, reach);
  for (const auto& [charge, times] : sample) {
    for (int i = 0; i < times; ++i) tails.add(charge);
  }
  tails.cumulate();
  return tails;
}

TEST(charge_tails, count_what_is_above_and_below) {
  const charge_tails tails = tails_of({{-500, 1}, {-100, 2}, {-1, 4}, {0, 8}, {100, 16}, {101, 32}, {1 << 30, 64}});
  EXPECT_EQ(tails.highest(), 100);
  EXPECT_EQ(tails.above(100), 96U);
  EXPECT_EQ(tails.above(99), 112U);
  EXPECT_EQ(tails.above(0), 112U);
  EXPECT_EQ(tails.above(-1), 120U);
  EXPECT_EQ(tails.below(-100), 1U);
  EXPECT_EQ(tails.below(-99), 3U);
  EXPECT_EQ(tails.below(0), 7U);
  EXPECT_EQ(tails.below(1), 15U);
  EXPECT_EQ(tails.below(-5000), 1U) << "what lies beyond reach";
}

TEST(charge_tails, of_parts_are_merged_before_they_are_cumulated) {
  charge_tails one(0, 3);
  charge_tails other(0, 3);
  one.add(-2);
  other.add(-2);
  other.add(2);
  one.merge(other);
  one.cumulate();
  EXPECT_EQ(one.below(0), 2U);
  EXPECT_EQ(one.above(0), 1U);
}

TEST(peak_tails, count_both_samples_and_what_lies_beyond) {
  peak_tails tails(10);
  peak_tails other(10);
  for (const std::int64_t score : {-3L, 0L, 4L, 10L, 11L, 1L << 40}) tails.add(score);
  other.add(4);
  other.add_mirrored(3);
  other.add_mirrored(-1);
  tails.merge(other);
  tails.cumulate();
  EXPECT_EQ(tails.highest(), 10);
  EXPECT_EQ(tails.above(10), 2U);
  EXPECT_EQ(tails.above(9), 3U);
  EXPECT_EQ(tails.above(4), 3U);
  EXPECT_EQ(tails.above(3), 5U);
  EXPECT_EQ(tails.above(0), 5U);
  EXPECT_EQ(tails.mirrored_above(2), 1U);
  EXPECT_EQ(tails.mirrored_above(3), 0U);
  const mirrored_sample sample = mirrored_peaks(tails, 0);
  EXPECT_EQ(sample.first, 0);
  EXPECT_EQ(sample.last, 10);
  EXPECT_EQ(sample.beyond(2).charges, 5U);
  EXPECT_EQ(sample.beyond(2).noise, 1U);
}

std::optional<mirrored_threshold> best_of(const charge_tails& tails, const gaussian& noise) {
  return best_threshold(mirrored_charges(tails, noise), static_cast<std::int64_t>(std::ceil(noise.mean + 3 * noise.sigma)));
}

// Noise of 10, charges of 31 and less on both sides; electrons leave 50 and 60.
//   t      N+    N-    (N+ - N-)^2 / N+
//   30     1110  1000  10.9
//   31-49   110     0  110
//   50-59    10     0  10
TEST(best_threshold, by_hand) {
  const charge_tails tails = tails_of({{-31, 1000}, {0, 5000}, {31, 1000}, {50, 100}, {60, 10}});
  const auto best = best_of(tails, {0, 10});
  ASSERT_TRUE(best);
  EXPECT_EQ(best->threshold16, 49) << "the highest of equals";
  EXPECT_EQ(best->charges, 110U);
  EXPECT_EQ(best->noise, 0U);
}

// Some noise is let through where more electrons than noise lie beyond it:
//   30: 70 - 10 electrons of 70 (51.4); 31 to 39: 40 of 40 (40)
TEST(best_threshold, lets_noise_through_for_more_electrons) {
  const charge_tails tails = tails_of({{-31, 10}, {0, 1000}, {31, 30}, {40, 40}});
  const auto best = best_of(tails, {0, 10});
  ASSERT_TRUE(best);
  EXPECT_EQ(best->threshold16, 30);
  EXPECT_EQ(best->charges, 70U);
  EXPECT_EQ(best->noise, 10U);
}

TEST(best_threshold, begins_at_the_lowest) {
  // 2000 charges beyond 20 take no part.
  const charge_tails tails = tails_of({{0, 1000}, {25, 2000}, {31, 30}});
  EXPECT_EQ(best_of(tails, {0, 10})->threshold16, 30);
  EXPECT_FALSE(best_of(tails, {0, 10.1})) << "30.3 rounds up to 31, above which there is nothing";
}

TEST(best_threshold, mirrors_at_the_mean_of_the_noise) {
  const charge_tails tails = tails_of({{-26, 100}, {5, 5000}, {36, 100}, {55, 30}});
  const auto best = best_of(tails, {5, 10});
  ASSERT_TRUE(best);
  EXPECT_EQ(best->threshold16, 54);
  const mirrored_sample sample = mirrored_charges(tails, {5, 10});
  EXPECT_EQ(sample.beyond(35).noise, 100U);
  EXPECT_EQ(sample.beyond(36).noise, 0U);
}

TEST(best_threshold, is_none_where_no_charges_are_left_over) {
  EXPECT_FALSE(best_of(tails_of({{-40, 3}, {0, 100}, {40, 3}}), {0, 10}));
  EXPECT_FALSE(best_of(tails_of({{-40, 3}, {0, 100}, {40, 2}}), {0, 10}));
  EXPECT_FALSE(best_of(tails_of({{0, 100}}), {0, 10}));
}

TEST(best_threshold, is_none_where_the_rest_may_be_chance) {
  // 24 charges and their standard deviation 4.9; 25 and 5. With noise on both sides it takes more: 60 of 100 + 40, 59 of 99
  // + 40.
  EXPECT_FALSE(best_of(tails_of({{0, 100}, {40, 24}}), {0, 10}));
  EXPECT_TRUE(best_of(tails_of({{0, 100}, {40, 25}}), {0, 10}));
  EXPECT_TRUE(best_of(tails_of({{-40, 40}, {0, 100}, {40, 100}}), {0, 10}));
  EXPECT_FALSE(best_of(tails_of({{-40, 41}, {0, 100}, {40, 99}}), {0, 10}));
}

TEST(threshold_with_noise, is_the_lowest_that_keeps_to_it) {
  const charge_tails tails = tails_of({{-50, 1}, {-40, 2}, {-30, 4}, {0, 100}, {90, 7}});
  const auto threshold = [&](std::uint64_t most) {
    return threshold_with_noise(mirrored_charges(tails, {0, 10}), most)->threshold16;
  };
  EXPECT_EQ(threshold(0), 50);
  EXPECT_EQ(threshold(1), 40);
  EXPECT_EQ(threshold(2), 40);
  EXPECT_EQ(threshold(3), 30);
  EXPECT_EQ(threshold(6), 30);
  EXPECT_EQ(threshold(7), 0);
  EXPECT_FALSE(threshold_with_noise(mirrored_charges(tails_of({{-500, 1}, {0, 10}}), {0, 10}), 0)) << "noise beyond reach";
}

}  // namespace
}  // namespace countem::engine
