#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include <countem/counting.hpp>

#include "host/engine/noise_peak.hpp"
#include "host/engine/sample.hpp"
#include "tests/calibration/memory_source.hpp"

namespace {

using namespace countem;
using namespace countem::test;
using engine::charge_histogram;
using engine::gaussian;

TEST(charge_histogram, counts_what_falls_inside) {
  charge_histogram histogram(-4, 4, 3);
  for (const std::int32_t charge : {-5, -4, -1, 0, 7, 8, 2'000'000'000, -2'000'000'000}) histogram.add(charge);
  EXPECT_THAT(histogram.counts(), testing::ElementsAre(2, 1, 1));
}

TEST(charge_histogram, knows_where_in_its_bins_the_charges_lie) {
  charge_histogram whole_adu(0, 16, 4);
  charge_histogram sixteenths(0, 16, 4);
  for (std::int32_t charge = 0; charge < 64; ++charge) {
    sixteenths.add(charge);
    if (charge % 16 == 0) whole_adu.add(charge);
  }
  EXPECT_EQ(whole_adu.centre(1), 16);
  EXPECT_EQ(whole_adu.variance_inside(), 0);
  EXPECT_EQ(sixteenths.centre(1), 16 + 7.5);
  EXPECT_EQ(sixteenths.variance_inside(), (256 - 1) / 12.0);
}

TEST(densest_quarter, sorts_few_different_charges_and_many) {
  std::mt19937 random(4);
  for (const std::int32_t range : {1, 40, 30'000, 2'000'000'000}) {
    std::vector<std::int32_t> charges(5000);
    for (std::int32_t& charge : charges)
      charge = static_cast<std::int32_t>(random() % static_cast<unsigned>(range)) - range / 2;
    std::vector<std::int32_t> sorted = charges;
    std::sort(sorted.begin(), sorted.end());
    (void)engine::densest_quarter(charges);
    EXPECT_TRUE(charges == sorted) << range;
  }
}

TEST(charge_statistics, of_any_charges) {
  // By hand, small and large, in stretches with and without large ones; 5000 charges are more than one stretch.
  for (const std::int32_t unit : {1, 1 << 25, 1 << 30}) {
    std::vector<std::int32_t> charges(5000, no_charge);
    charges[7] = -unit;
    charges[4095] = unit;
    charges[4096] = 0;
    charges[4999] = unit / 2;
    engine::charge_statistics statistics;
    statistics.add(charges);
    const double wide = unit;
    const double half = unit / 2;
    EXPECT_EQ(statistics.count, 4U);
    EXPECT_EQ(statistics.lowest, -unit);
    EXPECT_EQ(statistics.highest, unit);
    EXPECT_EQ(statistics.sum, half);
    EXPECT_EQ(statistics.squares, 2 * wide * wide + half * half);
  }
}

TEST(charge_histogram, merges) {
  charge_histogram a(0, 2, 2);
  charge_histogram b(0, 2, 2);
  a.add(0);
  b.add(1);
  b.add(3);
  a.merge(b);
  EXPECT_THAT(a.counts(), testing::ElementsAre(2, 1));
  EXPECT_DOUBLE_EQ(a.centre(0), 2.0 / 3);
}

TEST(densest_quarter, is_found_beside_larger_crowds) {
  std::vector<std::int32_t> charges{0, 100, 200, 300, 41, 42, 500, 600};
  const gaussian dense = engine::densest_quarter(charges);
  EXPECT_EQ(dense.mean, 41.5);
  EXPECT_NEAR(dense.sigma, 1 / 0.637, 1e-12);
}

TEST(densest_quarter, of_one_charge) {
  std::vector<std::int32_t> one{7};
  const gaussian dense = engine::densest_quarter(one);
  EXPECT_EQ(dense.mean, 7);
  EXPECT_EQ(dense.sigma, 0);
}

/// The histogram that an endless sample would give, in counts of 10^9.
charge_histogram expected_histogram(double mean, double sigma, std::int32_t spacing, std::int32_t step) {
  charge_histogram histogram(-1600, step, 8000 / static_cast<std::size_t>(step));
  for (std::int32_t charge = -1600; charge < 6400; charge += spacing) {
    const double share =
        std::exp(-0.5 * std::pow((charge - mean) / sigma, 2)) / (sigma * std::sqrt(2 * std::numbers::pi)) * spacing;
    for (auto n = static_cast<std::int64_t>(std::llround(2e5 * share)); n > 0; --n) histogram.add(charge);
  }
  return histogram;
}

TEST(noise_peak, of_an_exact_gaussian_is_that_gaussian) {
  // 2 ADU noise around 3 ADU, seen in sixteenths of an ADU with fine bins, and in whole ADU.
  for (const auto& [spacing, step] : {std::pair{1, 1}, {1, 8}, {1, 16}, {16, 16}}) {
    const auto peak = engine::fit_noise_peak(expected_histogram(48, 32, spacing, step), {60, 40});
    ASSERT_TRUE(peak.has_value()) << spacing << " " << step;
    EXPECT_NEAR(peak->mean, 48, 0.1) << spacing << " " << step;
    EXPECT_NEAR(peak->sigma, 32, 0.1) << spacing << " " << step;
  }
}

TEST(noise_peak, is_found_from_a_poor_start) {
  for (const gaussian start : {gaussian{20, 32}, {80, 32}, {48, 10}, {48, 100}}) {
    const auto peak = engine::fit_noise_peak(expected_histogram(48, 32, 1, 8), start);
    ASSERT_TRUE(peak.has_value()) << start.mean << " " << start.sigma;
    EXPECT_NEAR(peak->mean, 48, 0.5) << start.mean << " " << start.sigma;
    EXPECT_NEAR(peak->sigma, 32, 0.5) << start.mean << " " << start.sigma;
  }
}

TEST(noise_peak, does_not_follow_charge_that_electrons_add) {
  charge_histogram clean = expected_histogram(0, 32, 1, 16);
  // One pixel in ten holds some charge, from nothing up to 30 ADU.
  charge_histogram dirty = clean;
  gaussian_noise noise(3);
  for (int i = 0; i < 20'000; ++i) dirty.add(static_cast<std::int32_t>(std::lround(32 * noise() + 480 * noise.uniform())));
  const auto peak = engine::fit_noise_peak(dirty, {10, 40});
  ASSERT_TRUE(peak.has_value());
  EXPECT_NEAR(peak->mean + 4.5 * peak->sigma, 4.5 * 32, 1.6);  // 0.1 ADU
}

TEST(noise_peak, cut_at_the_bottom_is_fitted_above_the_cut) {
  charge_histogram cut(-1600, 16, 500);
  gaussian_noise noise(3);
  for (int i = 0; i < 300'000; ++i) cut.add(16 * digitised(3 + 2 * noise()));
  const auto peak = engine::fit_noise_peak(cut, {48, 32}, 0);
  ASSERT_TRUE(peak.has_value());
  EXPECT_NEAR(peak->mean, 48, 1.6);
  EXPECT_NEAR(peak->sigma, 16 * std::sqrt(4 + 1.0 / 12), 1.6);
}

TEST(noise_peak, is_not_invented) {
  charge_histogram flat(0, 1, 1000);
  for (std::int32_t charge = 0; charge < 1000; ++charge) flat.add(charge);
  EXPECT_FALSE(engine::fit_noise_peak(flat, {500, 10}).has_value());
  EXPECT_FALSE(engine::fit_noise_peak(charge_histogram(0, 1, 1000), {500, 10}).has_value()) << "nothing in it";
  EXPECT_FALSE(engine::fit_noise_peak(flat, {5000, 10}).has_value()) << "beside the histogram";
}

TEST(densest_quarter, may_be_the_first_or_the_last) {
  std::vector<std::int32_t> last{0, 100, 200, 300, 400, 500, 601, 602};
  EXPECT_EQ(engine::densest_quarter(last).mean, 601.5);
  std::vector<std::int32_t> first{0, 1, 100, 200, 300, 400, 500, 600};
  EXPECT_EQ(engine::densest_quarter(first).mean, 0.5);
  std::vector<std::int32_t> fewer_than_four{5, 9, 30};
  EXPECT_EQ(engine::densest_quarter(fewer_than_four).mean, 5) << "a quarter of three charges is one of them";
  std::vector<std::int32_t> seven{0, 10, 20, 30, 40, 50, 51};
  EXPECT_EQ(engine::densest_quarter(seven).sigma, 0) << "and of seven is one";
}

/// 100 bins of width 10, all charges at the left edge of their bin.
charge_histogram tens() {
  charge_histogram histogram(0, 10, 100);
  for (std::int32_t charge = 0; charge < 1000; charge += 10) histogram.add(charge);
  return histogram;
}

TEST(fit_window, reaches_three_sigma_left_and_half_a_sigma_right) {
  using engine::bin_window;
  EXPECT_EQ(engine::window_around(tens(), {500, 100}, {}), (bin_window{20, 55}));
  EXPECT_EQ(engine::window_around(tens(), {499, 100}, {}), (bin_window{20, 54})) << "whole bins inside only";
  EXPECT_EQ(engine::window_around(tens(), {501, 100}, {}), (bin_window{21, 55}));
}

TEST(fit_window, has_five_bins_at_least) {
  using engine::bin_window;
  EXPECT_EQ(engine::window_around(tens(), {500, 14}, {}), (bin_window{46, 50})) << "five: 458 to 507 holds 46 to 50";
  EXPECT_EQ(engine::window_around(tens(), {500, 4}, {}), (bin_window{46, 50})) << "narrower ones get theirs on the left";
  EXPECT_EQ(engine::window_around(tens(), {0, 4}, {}), (bin_window{0, 4})) << "on the right where there are none on the left";
  EXPECT_EQ(engine::window_around(tens(), {-5000, 4}, {}), (bin_window{0, 4}));
}

TEST(fit_window, ends_with_the_last_bin) {
  using engine::bin_window;
  EXPECT_EQ(engine::window_around(tens(), {990, 4}, {}), (bin_window{95, 99}));
  EXPECT_EQ(engine::window_around(tens(), {1000, 4}, {}), std::nullopt);
}

TEST(fit_window, begins_above_what_was_clipped) {
  using engine::bin_window;
  const engine::gaussian low{20, 100};
  EXPECT_EQ(engine::window_around(tens(), low, {}), (bin_window{0, 7}));
  EXPECT_EQ(engine::window_around(tens(), low, -20), (bin_window{0, 7})) << "clipped left of the histogram";
  EXPECT_EQ(engine::window_around(tens(), low, 0), (bin_window{1, 7})) << "the bin with the clipped charge is left out";
  EXPECT_EQ(engine::window_around(tens(), low, 9), (bin_window{1, 7}));
  EXPECT_EQ(engine::window_around(tens(), low, 10), (bin_window{2, 7}));
}

TEST(fitted_peak, is_where_most_charges_are) {
  const gaussian dense{100, 10};
  EXPECT_TRUE(engine::is_at({130, 10}, dense));
  EXPECT_FALSE(engine::is_at({130.5, 10}, dense));
  EXPECT_TRUE(engine::is_at({70, 10}, dense));
  EXPECT_FALSE(engine::is_at({69.5, 10}, dense));
  EXPECT_TRUE(engine::is_at({100, 50}, dense));
  EXPECT_FALSE(engine::is_at({100, 50.5}, dense));
}

}  // namespace
