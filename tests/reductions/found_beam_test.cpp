// The beam finder against patterns that are simulated electron by electron, so that centre and radius are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <vector>

#include <countem/centre.hpp>
#include <countem/error.hpp>
#include <countem/found_beam.hpp>

#include "tests/reductions/drawn_pattern.hpp"

namespace {

using namespace countem;
using namespace countem::test;

/// What is drawn over a scene: pixels for which dark(row, column) holds see nothing.
struct scene {
  const char* name;
  frame_shape shape{576, 576};
  double radius = 60;
  double electrons = 1e4;
  detector_point from_middle{20, -30};
  double flat = 0.1;    ///< electrons spread over the frame, in those of the disk
  double halo = 0;      ///< electrons in a broad normal distribution around the disk
  double blur = 0;      ///< of the rim, pixels
  double bragg = 0;     ///< electrons of each of six disks around it
  int hot = 20;         ///< pixels
  double bar = 0;       ///< width of a stop across the disk
  double stop = 0;      ///< radius of a round stop, half a radius off the disk's centre
  bool masked = false;  ///< rows and columns through the disk are masked and dark
};

pattern draw(const scene& drawn, detector_point centre, std::uint64_t seed) {
  dice random(seed);
  pattern made{drawn.shape, std::vector<std::uint64_t>(drawn.shape.pixels(), 0), {}};
  add_disk(made, random, centre, drawn.radius, drawn.electrons, drawn.blur);
  add_flat(made, random, drawn.flat * drawn.electrons);
  for (double i = 0; i < drawn.halo * drawn.electrons; ++i)
    add(made, {centre.row + 90 * random.normal(), centre.column + 90 * random.normal()});
  for (int k = 0; k < 6 && drawn.bragg > 0; ++k) {
    const double angle = k * std::numbers::pi / 3 + 0.3;
    const detector_point beside{centre.row + 2.6 * drawn.radius * std::sin(angle),
                                centre.column + 2.6 * drawn.radius * std::cos(angle)};
    add_disk(made, random, beside, drawn.radius, drawn.bragg * drawn.electrons, drawn.blur);
  }
  if (drawn.masked) made.masked.assign(made.sum.size(), 0);
  for (std::uint32_t row = 0; row < drawn.shape.height; ++row) {
    for (std::uint32_t column = 0; column < drawn.shape.width; ++column) {
      const std::size_t pixel = std::size_t{row} * drawn.shape.width + column;
      const double dr = row - centre.row;
      const double dc = column - centre.column;
      const bool in_bar = std::abs(0.94 * dr + 0.34 * dc - 0.1 * drawn.radius) < drawn.bar / 2;
      const bool in_stop = std::hypot(dr - drawn.radius / 2, dc) < drawn.stop;
      const bool is_masked = drawn.masked && (std::abs(dr - 3) < 3 || std::abs(dc + drawn.radius / 2) < 3);
      if (in_bar || in_stop || is_masked) made.sum[pixel] = 0;
      if (is_masked) made.masked[pixel] = 8;
    }
  }
  for (int i = 0; i < drawn.hot; ++i)
    made.sum[static_cast<std::size_t>(random.uniform() * static_cast<double>(made.sum.size()))] =
        1000 + static_cast<std::uint64_t>(1e6 * random.uniform());
  return made;
}

double rms(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares / static_cast<double>(values.size()));
}

const std::vector<scene> scenes{
    {.name = "radius 4, 1,000 electrons", .radius = 4, .electrons = 1e3},
    {.name = "radius 4, 10,000 electrons", .radius = 4},
    {.name = "radius 4, 1,000 electrons, blurred", .radius = 4, .electrons = 1e3, .halo = 0.5, .blur = 1},
    {.name = "radius 12", .radius = 12},
    {.name = "radius 60, 1,000 electrons", .electrons = 1e3},
    {.name = "radius 60", .flat = 0.5},
    {.name = "radius 60, 300,000 electrons", .electrons = 3e5},
    {.name = "radius 120", .radius = 120, .electrons = 3e4},
    {.name = "blurred, in a halo", .electrons = 3e4, .halo = 0.5, .blur = 1.5},
    {.name = "a bar across", .electrons = 3e4, .bar = 20},
    {.name = "a round stop", .electrons = 3e4, .stop = 45},
    {.name = "over the edge", .electrons = 3e4, .from_middle = {30, -270}},
    {.name = "Bragg disks", .radius = 20, .electrons = 3e4, .bragg = 0.4},
    {.name = "masked lines", .electrons = 3e4, .masked = true},
    {.name = "128 x 128", .shape = {128, 128}, .radius = 20, .from_middle = {5, 7}, .hot = 4},
    {.name = "256 x 200", .shape = {256, 200}, .radius = 30, .from_middle = {-15, 7}, .hot = 4}};

class beams : public testing::TestWithParam<scene> {};

/// Of ten scans the standardised errors of row, column and radius have a mean square near 1: the uncertainties are honest.
TEST_P(beams, are_found_within_honest_errors) {
  const scene& drawn = GetParam();
  std::vector<double> pulls;
  constexpr std::uint64_t scans = 10;
  for (std::uint64_t seed = 1; seed <= scans; ++seed) {
    dice random(1000 + seed);
    const detector_point middle = middle_of(drawn.shape);
    const detector_point centre{middle.row + drawn.from_middle.row + 4 * random.uniform(),
                                middle.column + drawn.from_middle.column + 4 * random.uniform()};
    const found_beam beam = find(draw(drawn, centre, seed));
    ASSERT_TRUE(beam.found) << seed;
    EXPECT_EQ(beam.how, "found in the summed pattern");
    const std::array<double, 3> errors{beam.centre.row - centre.row, beam.centre.column - centre.column,
                                       beam.radius - drawn.radius};
    const std::array<double, 3> expected{beam.centre_error.row, beam.centre_error.column, beam.radius_error};
    for (std::size_t i = 0; i < errors.size(); ++i) {
      EXPECT_LT(std::abs(errors[i]), std::max(drawn.electrons >= 1e4 ? 0.4 : 0.6, 5 * expected[i])) << seed << ", " << i;
      EXPECT_LT(expected[i], 0.3) << seed << ", " << i;
      pulls.push_back(errors[i] / expected[i]);
    }
  }
  EXPECT_GT(rms(pulls), 0.6);
  EXPECT_LT(rms(pulls), 1.5);
}

INSTANTIATE_TEST_SUITE_P(simulated, beams, testing::ValuesIn(scenes), [](const auto& one) {
  std::string name = one.param.name;
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(found_beam, nothing_is_found_where_nothing_is) {
  constexpr frame_shape shape{200, 300};
  std::vector<pattern> empty;
  empty.push_back({shape, std::vector<std::uint64_t>(shape.pixels(), 0), {}});
  empty.push_back({shape, std::vector<std::uint64_t>(shape.pixels(), 9), {}});
  for (const double electrons : {1e2, 1e3, 1e4, 1e5, 1e6}) {
    dice random(7);
    pattern& noise = empty.emplace_back(pattern{shape, std::vector<std::uint64_t>(shape.pixels(), 0), {}});
    add_flat(noise, random, electrons);
  }
  for (const double electrons : {1e3, 1e5}) {  // what is diffuse has no rim
    dice random(8);
    pattern& halo = empty.emplace_back(pattern{shape, std::vector<std::uint64_t>(shape.pixels(), 0), {}});
    for (double i = 0; i < electrons; ++i) add(halo, {100 + 60 * random.normal(), 150 + 60 * random.normal()});
  }
  pattern& line = empty.emplace_back(pattern{shape, std::vector<std::uint64_t>(shape.pixels(), 0), {}});
  for (std::size_t column = 0; column < shape.width; ++column) line.sum[30 * shape.width + column] = 100;
  pattern& hot = empty.emplace_back(pattern{shape, std::vector<std::uint64_t>(shape.pixels(), 0), {}});
  for (std::size_t pixel = 77; pixel < hot.sum.size(); pixel += 9001) hot.sum[pixel] = 1'000'000;
  for (std::size_t i = 0; i < empty.size(); ++i) {
    const found_beam beam = find(empty[i]);
    EXPECT_FALSE(beam.found) << i;
    EXPECT_TRUE(beam.guess) << i;
    EXPECT_EQ(beam.centre, middle_of(shape)) << i;
    EXPECT_EQ(beam.radius, 50) << i;
    EXPECT_TRUE(std::isnan(beam.centre_error.row)) << i;
    EXPECT_EQ(beam.how, "the frame's middle, since no beam was found in the summed pattern") << i;
  }
}

TEST(found_beam, a_disk_by_its_pixels) {
  // 10,000 electrons on each pixel within 8.2 pixels. No pixel is cut by the rim, which the fit expects: it is a little off.
  constexpr frame_shape shape{40, 60};
  std::vector<std::uint64_t> sum(shape.pixels(), 0);
  std::uint64_t pixels = 0;
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column) {
      if (std::hypot(row - 20.0, column - 25.0) >= 8.2) continue;
      sum[std::size_t{row} * shape.width + column] = 10'000;
      ++pixels;
    }
  }
  const found_beam beam = find_beam(sum, shape);
  ASSERT_TRUE(beam.found);
  EXPECT_FALSE(beam.guess);
  EXPECT_NEAR(beam.centre.row, 20, 0.03);
  EXPECT_NEAR(beam.centre.column, 25, 0.03);
  EXPECT_NEAR(beam.radius, std::sqrt(static_cast<double>(pixels) / std::numbers::pi), 0.15);
  EXPECT_NEAR(static_cast<double>(beam.electrons), static_cast<double>(pixels) * 1e4, 0.05 * static_cast<double>(pixels) * 1e4);
}

TEST(found_beam, on_a_finer_grid_is_in_its_pixels) {
  // Events of single pixels lie on every second row and column of a grid that is twice as fine.
  dice random(3);
  pattern coarse{{128, 128}, std::vector<std::uint64_t>(128 * 128, 0), {}};
  add_disk(coarse, random, {50.3, 70.8}, 15, 1e5);
  std::vector<std::uint64_t> fine(256 * 256, 0);
  for (std::size_t row = 0; row < 128; ++row) {
    for (std::size_t column = 0; column < 128; ++column)
      fine[(2 * row + 1) * 256 + 2 * column + 1] = coarse.sum[row * 128 + column];
  }
  const found_beam at = find(coarse);
  const found_beam finer = find_beam(fine, {256, 256}, {{}, 2, "the summed pattern"});
  ASSERT_TRUE(finer.found);
  EXPECT_DOUBLE_EQ(finer.centre.row, 2 * at.centre.row + 0.5);
  EXPECT_DOUBLE_EQ(finer.centre.column, 2 * at.centre.column + 0.5);
  EXPECT_DOUBLE_EQ(finer.radius, 2 * at.radius);
  EXPECT_DOUBLE_EQ(finer.centre_error.row, 2 * at.centre_error.row);
}

TEST(found_beam, of_a_mean_pattern_is_that_of_its_sum) {
  const pattern drawn =
      draw({.name = "", .shape = {128, 128}, .radius = 20, .from_middle = {5, 7}, .hot = 0}, {60.25, 70.5}, 5);
  std::vector<float> mean;
  for (const std::uint64_t value : drawn.sum) mean.push_back(static_cast<float>(value) / 64);
  mean[5] = -1;  // counts as 0
  const found_beam of_sum = find(drawn);
  const found_beam of_mean = find_beam(mean, drawn.shape);
  ASSERT_TRUE(of_mean.found);
  EXPECT_NEAR(of_mean.centre.row, of_sum.centre.row, 0.02);
  EXPECT_NEAR(of_mean.radius, of_sum.radius, 0.02);
  EXPECT_NEAR(of_mean.centre_error.row, of_sum.centre_error.row, 0.01);
}

TEST(found_beam, clusters_of_hot_pixels_are_none) {
  pattern drawn = draw({.name = "", .shape = {128, 128}, .radius = 10}, {60.25, 70.5}, 5);
  for (const std::size_t corner : {5U * 128 + 9, 90U * 128 + 20, 30U * 128 + 100}) {
    for (std::size_t pixel = 0; pixel < 9; ++pixel) drawn.sum[corner + pixel / 3 * 128 + pixel % 3] = 1'000'000;
  }
  const found_beam beam = find(drawn);
  ASSERT_TRUE(beam.found);
  EXPECT_NEAR(beam.centre.row, 60.25, 0.2);
  EXPECT_NEAR(beam.radius, 10, 0.2);
}

TEST(found_beam, a_small_spot_without_a_rim_has_a_centre) {
  dice random(6);
  pattern spot{{128, 128}, std::vector<std::uint64_t>(128 * 128, 0), {}};
  for (int i = 0; i < 10'000; ++i) add(spot, {60.25 + 2 * random.normal(), 70.5 + 2 * random.normal()});
  const found_beam beam = find(spot);
  ASSERT_TRUE(beam.found);
  EXPECT_NEAR(beam.centre.row, 60.25, 0.15);  // that of the mean is 0.02
  EXPECT_NEAR(beam.centre.column, 70.5, 0.15);
}

TEST(found_beam, refuses_what_does_not_fit) {
  EXPECT_THROW((void)find_beam(std::vector<std::uint64_t>(3, 0), {2, 2}), invalid_argument);
  EXPECT_THROW((void)find_beam(std::vector<std::uint64_t>(), {0, 0}), invalid_argument);
  const std::vector<std::uint8_t> mask(3, 0);
  EXPECT_THROW((void)find_beam(std::vector<std::uint64_t>(4, 0), {2, 2}, {mask, 1, ""}), invalid_argument);
  EXPECT_THROW((void)find_beam(std::vector<float>(4, std::numeric_limits<float>::infinity()), {2, 2}), invalid_argument);
  EXPECT_FALSE(find_beam(std::vector<std::uint64_t>(1, 5), {1, 1}).found);
  EXPECT_FALSE(find_beam(std::vector<std::uint64_t>(8, 500), {1, 8}, {{}, 4, ""}).found);
}

TEST(centre, texts) {
  EXPECT_FALSE(parse_centre("auto").point);
  EXPECT_EQ(parse_centre("287.5,290").point, (detector_point{287.5, 290}));
  for (const char* text : {"", "3", "3,", "3,4,5", "nan,3", "no such file.h5"})
    EXPECT_THROW((void)parse_centre(text), invalid_argument) << text;
}

TEST(centre, masks_on_the_grid_of_events) {
  calibration used;
  used.shape = {1, 2};
  used.mask = {0, 4};
  const store_geometry plain = counted_geometry({1, 2}, 1);
  EXPECT_EQ(masked_events(used, {1, 2}, plain), (std::vector<std::uint8_t>{0, 4}));
  EXPECT_EQ(masked_events(used, {2, 4}, counted_geometry({1, 2}, 2)), (std::vector<std::uint8_t>{0, 0, 4, 4, 0, 0, 4, 4}));
  store_geometry moved = counted_geometry({1, 2}, 2);
  moved.column = moved.column.part(1, 2);
  moved.row = moved.row.part(0, 2);
  EXPECT_EQ(masked_events(used, {1, 1}, moved), (std::vector<std::uint8_t>{4})) << "half of it lies on the masked pixel";
  store_geometry elsewhere = plain;
  elsewhere.detector = {3, 2};
  EXPECT_TRUE(masked_events(used, {2, 2}, elsewhere).empty()) << "another detector";
  used.mask.clear();
  EXPECT_TRUE(masked_events(used, {1, 2}, plain).empty());
}

TEST(centre, beams_in_pixels_and_back) {
  found_beam beam;
  beam.centre = {5, 9};
  beam.radius = 8;
  const store_geometry fine = counted_geometry({16, 16}, 4);
  const found_beam moved = in_pixels(beam, fine);
  EXPECT_EQ(moved.centre, (detector_point{-0.375 + 5 * 0.25, -0.375 + 9 * 0.25}));
  EXPECT_EQ(moved.radius, 2);
  EXPECT_EQ(in_cells(moved, fine).centre, beam.centre);
  EXPECT_EQ(in_cells(moved, fine).radius, 8);
}

}  // namespace
