// Centres of mass in an aperture, excluded and masked pixels, and the standard errors of results.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <countem/error.hpp>
#include <countem/result_images.hpp>
#include <countem/scan_reducer.hpp>

#include "host/engine/centre_scatter.hpp"
#include "tests/reductions/batch_of.hpp"

namespace {

using namespace countem;
using testing::ElementsAre;

/// What a plan makes of frames, one for each of the positions times repeats.
std::vector<saved_image> images(const reduction_plan& plan, frame_shape shape, scan_shape scan,
                                const std::vector<std::vector<std::uint32_t>>& frames, backend where = backend::cpu) {
  scan_reducer reducer(plan, shape, scan, where, 1);
  reducer.add(batch_of(frames));
  return images_of(reducer.result(), plan, {shape, scan, counted_geometry(shape, 1)});
}

const saved_image& named(const std::vector<saved_image>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &saved_image::name);
  if (found == all.end()) throw invalid_argument("there is no image " + name);
  return *found;
}

std::vector<double> numbers(const std::vector<saved_image>& all, const std::string& name) {
  return std::visit([](const auto& values) { return std::vector<double>(values.begin(), values.end()); },
                    named(all, name).values);
}

std::vector<std::string> names(const std::vector<saved_image>& all) {
  std::vector<std::string> list;
  for (const saved_image& image : all) list.push_back(image.name);
  return list;
}

constexpr frame_shape five{5, 5};

/// Events at (2, 1), (2, 2), (2, 2) and a stray one at (4, 4); two repeats at a position. The stray one and nothing else.
const std::vector<std::vector<std::uint32_t>> stray{{11, 12}, {12, 24}, {24}, {}};

TEST(aperture, leaves_out_the_events_beside_it) {
  reduction_plan plan = parse_plan("com,com-within:disk:1.5,second-moments,errors");
  plan.centre = detector_point{2, 2};
  const auto all = images(plan, five, {1, 2, 2}, stray);
  EXPECT_EQ(numbers(all, "com_row")[0], 2);
  EXPECT_DOUBLE_EQ(numbers(all, "com_column")[0], 5.0 / 3);
  EXPECT_TRUE(std::isnan(numbers(all, "com_row")[1])) << "no event in the aperture";
  EXPECT_EQ(numbers(all, "variance_row")[0], 0);
  EXPECT_DOUBLE_EQ(numbers(all, "variance_column")[0], 1.0 / 3);
  EXPECT_EQ(numbers(all, "covariance")[0], 0);
  EXPECT_DOUBLE_EQ(numbers(all, "com_column_error")[0], 1.0 / 3);
  EXPECT_TRUE(std::isnan(numbers(all, "com_column_error")[1]));
  EXPECT_THAT(numbers(all, "counts"), ElementsAre(4, 1)) << "counts are those of the whole detector";
  EXPECT_THAT(named(all, "com_row").meaning, testing::HasSubstr("within disk:1.5"));
  EXPECT_EQ(std::ranges::count(named(all, "com_row").attributes, "centre_row", &image_attribute::name), 1);

  const auto without = images(parse_plan("com"), five, {1, 2, 2}, stray);
  EXPECT_EQ(numbers(without, "com_row")[0], 10.0 / 4);
  EXPECT_EQ(names(without).size(), 3U);
  EXPECT_EQ(std::ranges::count(named(without, "com_row").attributes, "centre_row", &image_attribute::name), 0);
}

TEST(aperture, may_have_weights) {
  reduction_plan plan = parse_plan("com,com-within:disk:9,errors,second-moments");
  plan.com_within->detector.mask.assign(25, 1);
  plan.com_within->weights.assign(25, 0.5F);
  plan.com_within->weights[12] = 2;
  plan.com_within->weights[24] = 0;
  const auto all = images(plan, five, {1, 2, 2}, stray);
  // Weights .5, 2, 2 at columns 1, 2, 2: mean 8.5 / 4.5, n = 4.5^2 / 8.25.
  const double mean = 8.5 / 4.5;
  const double n = 4.5 * 4.5 / 8.25;
  EXPECT_DOUBLE_EQ(numbers(all, "com_column")[0], mean);
  EXPECT_EQ(numbers(all, "com_row")[0], 2);
  const double near = (2 - mean) * (2 - mean);
  const double far = (1 - mean) * (1 - mean);
  EXPECT_NEAR(numbers(all, "variance_column")[0], (4 * near + 0.5 * far) / 4.5 * n / (n - 1), 1e-12);
  EXPECT_NEAR(numbers(all, "com_column_error")[0], std::sqrt((8 * near + 0.25 * far) * n / (n - 1)) / 4.5, 1e-12);
  EXPECT_NEAR(numbers(all, "com_row_error")[0], 0, 1e-9);
  EXPECT_TRUE(std::isnan(numbers(all, "com_row")[1]));
  EXPECT_TRUE(std::isnan(numbers(all, "com_row_error")[1]));
}

/// A mask is the aperture whose weights are all 1, on each backend.
TEST(aperture, of_a_mask_is_that_of_weights_of_one) {
  std::mt19937_64 random(3);
  std::vector<std::vector<std::uint32_t>> frames(6);
  const frame_shape shape{40, 70};
  for (auto& frame : frames) {
    for (int i = 0; i < 60; ++i) frame.push_back(static_cast<std::uint32_t>(random() % shape.pixels()));
    std::ranges::sort(frame);
  }
  reduction_plan plan = parse_plan("com,com-within:disk:9,errors,second-moments");
  plan.com_within->detector.mask.resize(shape.pixels());
  for (auto& pixel : plan.com_within->detector.mask) pixel = random() % 3 == 0;
  const auto masked = images(plan, shape, {2, 3, 1}, frames);
  const auto reference = images(plan, shape, {2, 3, 1}, frames, backend::reference);
  plan.com_within->weights.assign(plan.com_within->detector.mask.begin(), plan.com_within->detector.mask.end());
  const auto weighted = images(plan, shape, {2, 3, 1}, frames);
  for (const std::string name : {"com_row", "com_column", "com_row_error", "com_column_error", "variance_row", "covariance"}) {
    EXPECT_EQ(numbers(masked, name), numbers(reference, name)) << name;
    for (std::size_t p = 0; p < 6; ++p) EXPECT_NEAR(numbers(masked, name)[p], numbers(weighted, name)[p], 1e-6) << name;
  }
}

TEST(excluded_pixels, count_in_no_detector_ring_weight_or_centre) {
  reduction_plan plan = parse_plan("sum,com,virtual:disk:9,virtual:disk:1,radial,radial-profile,errors");
  plan.centre = detector_point{2, 2};
  plan.weights = {{"ones", std::vector<float>(25, 1)}};
  plan.excluded.assign(25, 0);
  plan.excluded[24] = 1;
  const auto all = images(plan, five, {1, 2, 2}, stray);
  EXPECT_THAT(numbers(all, "counts"), ElementsAre(4, 1));
  EXPECT_EQ(numbers(all, "sum")[24], 2) << "what is there is shown";
  EXPECT_THAT(numbers(all, "virtual_0"), ElementsAre(3, 0));
  EXPECT_THAT(numbers(all, "virtual_1"), ElementsAre(2, 0));
  EXPECT_THAT(numbers(all, "weighted_0"), ElementsAre(3, 0));
  EXPECT_EQ(numbers(all, "com_row")[0], 2);
  EXPECT_TRUE(std::isnan(numbers(all, "com_row")[1]));
  EXPECT_THAT(numbers(all, "radial"), ElementsAre(2, 1, 0, 0, 0, 0));
  EXPECT_THAT(numbers(all, "radial_pixels"), ElementsAre(1, 8, 15)) << "of 16 in the outer ring";
  EXPECT_THAT(numbers(all, "radial_radius"), ElementsAre(0.5, 1.5, 2.5));
  EXPECT_THAT(numbers(all, "radial_mean"), ElementsAre(2, 1.0 / 8, 0));
  EXPECT_EQ(named(all, "radial_radius").units, "pixels");
}

/// Masked pixels have no hits, so their events need no look; without them the mean of a ring is that of the others.
TEST(masked_pixels, do_not_count_in_the_mean_of_a_ring) {
  reduction_plan plan = parse_plan("radial,radial-profile,errors");
  plan.centre = detector_point{2, 2};
  plan.masked.assign(25, 0);
  for (const std::size_t p : {6U, 7U, 8U, 13U, 16U, 17U, 18U}) plan.masked[p] = 1;  // the ring around the centre but for (2, 1)
  const auto all = images(plan, five, {1, 2, 2}, stray);
  EXPECT_THAT(numbers(all, "radial_pixels"), ElementsAre(1, 1, 16));
  EXPECT_THAT(numbers(all, "radial_sum"), ElementsAre(2, 1, 2));
  EXPECT_THAT(numbers(all, "radial_mean"), ElementsAre(2, 1, 0.125));
  EXPECT_THAT(numbers(all, "radial_mean_error"), ElementsAre(std::sqrt(2), 1, std::sqrt(2) / 16));
  EXPECT_THAT(numbers(all, "radial"), ElementsAre(2, 1, 1, 0, 0, 1));
  plan.masked[11] = 1;
  EXPECT_TRUE(std::isnan(numbers(images(plan, five, {1, 2, 2}, stray), "radial_mean")[1])) << "a ring without pixels";
  plan.masked.pop_back();
  EXPECT_THROW(static_cast<void>(images(plan, five, {1, 2, 2}, stray)), invalid_argument);
}

TEST(standard_errors, of_counts_are_their_roots_and_of_weights_those_of_squared_weights) {
  reduction_plan plan = parse_plan("virtual:disk:9,radial:2,radial-profile:2,errors");
  plan.centre = detector_point{2, 2};
  plan.weights = {{"columns", {}}};
  for (int p = 0; p < 25; ++p) plan.weights[0].weights.push_back(static_cast<float>(p % 5) - 2);
  const auto all = images(plan, five, {1, 2, 2}, stray);
  EXPECT_THAT(numbers(all, "virtual_0_error"), ElementsAre(2, 1));
  EXPECT_THAT(numbers(all, "weighted_0"), ElementsAre(1, 2));
  EXPECT_THAT(numbers(all, "weighted_0_error"), ElementsAre(std::sqrt(1 + 4), 2));
  EXPECT_THAT(numbers(all, "radial"), ElementsAre(3, 1, 0, 1));
  EXPECT_THAT(numbers(all, "radial_error"), ElementsAre(std::sqrt(3), 1, 0, 1));
  EXPECT_THAT(numbers(all, "radial_sum_error"), ElementsAre(std::sqrt(3), std::sqrt(2)));
  EXPECT_THAT(numbers(all, "radial_mean_error"), ElementsAre(std::sqrt(3) / 9, std::sqrt(2) / 16));
  EXPECT_EQ(named(all, "radial_mean_error").units, "electrons / pixel");
  for (const std::string& name : names(images(parse_plan("virtual:disk:3,radial-profile,com"), five, {1, 2, 2}, stray)))
    EXPECT_THAT(name, testing::Not(testing::EndsWith("_error"))) << "only where they are asked for";
}

/// A beam that is wider along the diagonal, and stray electrons over the whole detector. Every position has the same beam, so
/// the maps scatter by noise alone.
struct tilted_beam {
  static constexpr frame_shape shape{64, 64};
  static constexpr scan_shape scan{200, 200, 1};
  std::vector<std::vector<std::uint32_t>> frames = std::vector<std::vector<std::uint32_t>>(scan.positions());

  explicit tilted_beam(double stray_share) {
    std::mt19937_64 random(17);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform(0, 1);
    std::poisson_distribution<int> number(30);
    for (auto& frame : frames) {
      for (int i = number(random) + 2; i > 0; --i) {
        if (uniform(random) < stray_share) {
          frame.push_back(static_cast<std::uint32_t>(random() % shape.pixels()));
          continue;
        }
        const double along = 5 * normal(random);
        const double across = 2 * normal(random);
        const double row = std::clamp(31 + (along + across) / std::sqrt(2), 0.0, 63.0);
        const double column = std::clamp(32 + (along - across) / std::sqrt(2), 0.0, 63.0);
        frame.push_back(static_cast<std::uint32_t>(std::lrint(row)) * 64 + static_cast<std::uint32_t>(std::lrint(column)));
      }
      std::ranges::sort(frame);
    }
  }
};

double variance(const std::vector<double>& values) {
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(values.size() - 1);
}

/// Scatter of a map over what its errors predict.
double scatter_over_prediction(const std::vector<saved_image>& all, const std::string& name) {
  double predicted = 0;
  const std::vector<double> errors = numbers(all, name + "_error");
  for (const double error : errors) predicted += error * error / static_cast<double>(errors.size());
  return std::sqrt(variance(numbers(all, name)) / predicted);
}

TEST(standard_errors, of_centres_of_mass_predict_their_scatter) {
  const tilted_beam beam(0.1);
  for (const std::string items : {"com,errors", "com,errors,com-within:disk:12@31,32", "com,errors,com:descan",
                                  "com,com:centre,errors,scan-rotation:45", "com,com:centre,errors,scan-rotation:-20,flip"}) {
    const auto all = images(parse_plan(items), tilted_beam::shape, tilted_beam::scan, beam.frames);
    EXPECT_NEAR(scatter_over_prediction(all, "com_row"), 1, 0.01) << items;
    EXPECT_NEAR(scatter_over_prediction(all, "com_column"), 1, 0.01) << items;
  }
}

/// A quotient of sums: its variance is that to first order.
TEST(standard_errors, of_weighted_centres_of_mass_predict_their_scatter) {
  const tilted_beam beam(0.1);
  reduction_plan plan = parse_plan("com,errors,com-within:disk:9");
  plan.com_within->detector.mask.assign(tilted_beam::shape.pixels(), 1);
  for (std::uint64_t p = 0; p < tilted_beam::shape.pixels(); ++p) {
    const double row = static_cast<double>(p / 64) - 31;
    const double column = static_cast<double>(p % 64) - 32;
    plan.com_within->weights.push_back(static_cast<float>(std::exp(-(row * row + column * column) / 200)));
  }
  const auto all = images(plan, tilted_beam::shape, tilted_beam::scan, beam.frames);
  EXPECT_NEAR(scatter_over_prediction(all, "com_row"), 1, 0.02);
  EXPECT_NEAR(scatter_over_prediction(all, "com_column"), 1, 0.02);
}

/// 30 electrons in a beam whose rows have the variance 14.5, a tenth as many over 64 x 64 pixels, whose variance is 341: all
/// together scatter by sqrt((.9 * 14.5 + .1 * 341) / 32), those within 12 pixels hardly more than the beam.
TEST(aperture, takes_the_noise_of_stray_electrons_away) {
  const tilted_beam beam(0.1);
  const auto noise = [&](const char* items) {
    return std::sqrt(
        variance(numbers(images(parse_plan(items), tilted_beam::shape, tilted_beam::scan, beam.frames), "com_row")));
  };
  EXPECT_NEAR(noise("com"), 1.24, 0.04);
  EXPECT_LT(noise("com,com-within:disk:12@31,32"), 0.75);
}

TEST(covariances, turn_with_the_axes) {
  const place_covariance wide{4, 1, 9};
  const auto expect = [](const place_covariance& found, std::array<double, 3> wanted) {
    EXPECT_NEAR(found.row_row, wanted[0], 1e-12);
    EXPECT_NEAR(found.row_column, wanted[1], 1e-12);
    EXPECT_NEAR(found.column_column, wanted[2], 1e-12);
  };
  expect(engine::turned(wide, {0, false}), {4, 1, 9});
  expect(engine::turned(wide, {0, true}), {4, -1, 9});
  expect(engine::turned(wide, {90, false}), {9, -1, 4});  // r' = c, c' = -r
  expect(engine::turned(wide, {180, false}), {4, 1, 9});
  expect(engine::turned(wide, {45, false}), {7.5, 2.5, 5.5});  // var(r + c) / 2, (var c - var r) / 2, var(c - r) / 2
  for (int degrees = -180; degrees < 180; ++degrees) {  // electrons on a line: roundings must not make a variance negative
    const double a = degrees * std::numbers::pi / 180;
    const place_covariance across =
        engine::turned({std::cos(a) * std::cos(a) / 3, -std::cos(a) * std::sin(a) / 3, std::sin(a) * std::sin(a) / 3},
                       {90.0 - degrees, false});
    EXPECT_GE(across.row_row, 0) << degrees;
    EXPECT_NEAR(across.row_row, 0, 1e-15) << degrees;
    EXPECT_NEAR(across.column_column, 1.0 / 3, 1e-15) << degrees;
  }
}

TEST(aperture, is_one_and_belongs_to_centres_of_mass) {
  const auto refusal = [](const char* items) -> std::string {
    try {
      static_cast<void>(parse_plan(items));
    } catch (const invalid_argument& refused) {
      return refused.what();
    }
    return "nothing was refused";
  };
  EXPECT_THAT(refusal("com-within:disk:3"), testing::HasSubstr("ask for com too"));
  EXPECT_THAT(refusal("second-moments"), testing::HasSubstr("ask for com too"));
  EXPECT_THAT(refusal("com,com-within:disk:3,com-within:disk:4"), testing::HasSubstr("one aperture"));
  EXPECT_THAT(refusal("com,com-within"), testing::HasSubstr("as com-within:disk:40"));
  EXPECT_THAT(refusal("com,com-within:disk"), testing::HasSubstr("disk"));
  EXPECT_THAT(refusal("com,errors:3"), testing::HasSubstr("takes nothing"));
  EXPECT_THAT(refusal("exclude"), testing::HasSubstr("lacks a file"));
  EXPECT_EQ(parse_plan("com,com-within:a/hole.npy").com_within->detector.mask_file, "a/hole.npy");
  EXPECT_EQ(parse_plan("com,com-within:annulus:3,5@1,2").com_within->detector.outer, 5);
  EXPECT_EQ(parse_plan("com,exclude:a.npy,exclude:b.npy").excluded_files.size(), 2U);
  EXPECT_TRUE(parse_plan("com,com-within:disk:3").needs_centre());
  EXPECT_FALSE(parse_plan("com,com-within:disk:3@1,2").needs_centre());
  EXPECT_FALSE(parse_plan("com,com-within:hole.npy").needs_centre());
  EXPECT_EQ(files_of(parse_plan("com,com-within:hole.npy,exclude:stop.npy")).size(), 2U);
}

}  // namespace
