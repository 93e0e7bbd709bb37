// How detector axes lie to scan axes, found on fields of known rotation.
#include <countem/scan_rotation.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include <countem/error.hpp>

#include "tests/reductions/deflection_fields.hpp"

namespace countem {
namespace {

using testing::HasSubstr;

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

TEST(turn, maps_axes_as_it_is_defined) {
  deflection maps{{1, 0}, {0, 1}};  // along rows; along columns
  turn(maps, {90, false});
  EXPECT_EQ(maps.row, (std::vector<double>{0, 1})) << "a column becomes a row: clockwise";
  EXPECT_EQ(maps.column, (std::vector<double>{-1, 0}));
  maps = {{1, 0}, {0, 1}};
  turn(maps, {0, true});
  EXPECT_EQ(maps.row, (std::vector<double>{-1, 0}));
  EXPECT_EQ(maps.column, (std::vector<double>{0, 1}));
  maps = {{1, 0}, {0, 1}};
  turn(maps, {90, true});  // the flip first: together they exchange rows and columns
  EXPECT_EQ(maps.row, (std::vector<double>{0, 1}));
  EXPECT_EQ(maps.column, (std::vector<double>{1, 0}));
  maps = {{2}, {0}};
  turn(maps, {30, false});
  EXPECT_NEAR(maps.row[0], std::sqrt(3.0), 1e-12);
  EXPECT_NEAR(maps.column[0], -1, 1e-12);
}

/// What a detector that lies so sees of a field in scan axes.
deflection seen(deflection maps, const scan_rotation& rotation) {
  turn(maps, {-rotation.degrees, false});
  if (rotation.flip) turn(maps, {0, true});
  return maps;
}

void add_noise(deflection& maps, double sigma, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal(0, sigma);
  for (std::vector<double>* map : {&maps.row, &maps.column}) {
    for (double& value : *map) value += normal(generator);
  }
}

TEST(find_scan_rotation, finds_angle_flip_and_sign_of_atoms_in_noise) {
  const scan_shape scan{128, 128, 1};
  const test::atoms object = test::lattice(scan, 11, 2.5, 21);
  const deflection field = object.gradient(scan);
  const double noise = 0.3 * test::root_mean_square(field);
  double errors = 0;
  for (int which = 0; which < 14; ++which) {
    const scan_rotation truth{-176.5 + 26 * which, which % 2 == 1};
    deflection maps = seen(field, truth);
    add_noise(maps, noise, 100 + static_cast<std::uint64_t>(which));
    for (double& value : maps.row) value += 143;  // any centre
    const found_rotation found = find_scan_rotation(maps, std::vector<double>(scan.positions(), 8.0), scan);
    EXPECT_TRUE(found.is_found && found.flip_is_found && found.sign_is_found) << describe(found);
    EXPECT_EQ(found.rotation.flip, truth.flip);
    const double error = std::remainder(found.rotation.degrees - truth.degrees, 360);
    EXPECT_NEAR(error, 0, 0.3) << truth.degrees;
    EXPECT_GT(found.curl_ratio, 1.5);
    errors += error * error / (found.standard_error_degrees * found.standard_error_degrees) / 14;
  }
  EXPECT_GT(errors, 0.3) << "the standard error is no larger than it should be";
  EXPECT_LT(errors, 2.5);
}

TEST(find_scan_rotation, is_exact_without_noise) {
  const scan_shape scan{60, 50, 1};
  const deflection field = test::lattice(scan, 10, 2.5, 5).gradient(scan);
  for (const double degrees : {-120.0, -45.0, 0.0, 33.3, 90.0, 180.0}) {
    const found_rotation found = find_scan_rotation(seen(field, {degrees, false}), std::vector<double>(3000, 1.0), scan);
    EXPECT_NEAR(std::remainder(found.rotation.degrees - degrees, 360), 0, 0.05) << describe(found);
  }
}

TEST(find_scan_rotation, needs_no_full_scan_and_is_not_moved_by_descan) {
  const scan_shape scan{128, 100, 1};
  deflection maps = seen(test::lattice(scan, 16, 4, 6).gradient(scan), {40, true});
  for (std::size_t p = 0; p < maps.row.size(); ++p) {
    maps.row[p] += 0.02 * static_cast<double>(p / scan.width) - 0.01 * static_cast<double>(p % scan.width);
    maps.column[p] += 0.03 * static_cast<double>(p / scan.width);
  }
  std::vector<double> electrons(scan.positions(), 4.0);
  test::lose_positions(maps, electrons, 0.5, 3);
  const found_rotation found = find_scan_rotation(maps, electrons, scan);
  EXPECT_TRUE(found.is_found && found.rotation.flip) << describe(found);
  EXPECT_NEAR(std::remainder(found.rotation.degrees - 40, 180), 0, 1.5) << describe(found);
}

TEST(find_scan_rotation, leaves_half_a_turn_open_where_nothing_is_skewed) {
  const scan_shape scan{64, 64, 1};
  deflection field;
  for (std::uint32_t p = 0; p < scan.positions(); ++p) {
    const double a = 2 * std::numbers::pi / 16;
    const double row = a * (p / 64);
    const double column = a * (p % 64) + 0.3;
    field.row.push_back(-std::sin(row) * std::cos(column));
    field.column.push_back(-std::cos(row) * std::sin(column));
  }
  add_noise(field, 0.05, 4);
  const found_rotation found = find_scan_rotation(seen(field, {20, false}), std::vector<double>(4096, 1.0), scan, false);
  EXPECT_TRUE(found.is_found);
  EXPECT_FALSE(found.sign_is_found);
  EXPECT_NEAR(found.rotation.degrees, 20, 1);
  EXPECT_THAT(describe(found), HasSubstr("half a turn"));
}

TEST(find_scan_rotation, does_not_know_the_hand_of_stripes) {
  const scan_shape scan{64, 64, 1};
  deflection field;
  for (std::uint32_t p = 0; p < scan.positions(); ++p) {
    field.row.push_back(0);
    field.column.push_back(std::sin(0.4 * (p % 64)));
  }
  add_noise(field, 0.05, 7);
  const std::vector<double> electrons(4096, 1.0);
  const found_rotation open = find_scan_rotation(field, electrons, scan);
  EXPECT_FALSE(open.is_found);
  EXPECT_EQ(open.rotation, scan_rotation{});
  EXPECT_THAT(describe(open), HasSubstr("flipped, which has to be given"));
  const found_rotation given = find_scan_rotation(field, electrons, scan, false);
  EXPECT_TRUE(given.is_found);
  EXPECT_NEAR(std::remainder(given.rotation.degrees, 180), 0, 1);
}

TEST(find_scan_rotation, finds_nothing_in_noise) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const scan_shape scan{static_cast<std::uint32_t>(20 + seed), 48, 1};
    deflection maps{std::vector<double>(scan.positions()), std::vector<double>(scan.positions())};
    add_noise(maps, 1, seed);
    const found_rotation found = find_scan_rotation(maps, std::vector<double>(scan.positions(), 1.0), scan);
    EXPECT_FALSE(found.is_found) << describe(found);
    EXPECT_EQ(found.rotation, scan_rotation{});
    EXPECT_THAT(describe(found), HasSubstr("not found: "));
  }
}

TEST(find_scan_rotation, finds_nothing_in_lines_and_empty_scans) {
  for (const scan_shape& scan :
       {scan_shape{1, 1, 1}, scan_shape{1, 64, 1}, scan_shape{64, 1, 1}, scan_shape{6, 6, 1}, scan_shape{33, 31, 1}}) {
    const std::size_t positions = scan.positions();
    const found_rotation level = find_scan_rotation({std::vector<double>(positions), std::vector<double>(positions)},
                                                    std::vector<double>(positions, 3.0), scan);
    EXPECT_FALSE(level.is_found);
    const found_rotation empty =
        find_scan_rotation({std::vector<double>(positions, no_number), std::vector<double>(positions, no_number)},
                           std::vector<double>(positions), scan);
    EXPECT_FALSE(empty.is_found);
    EXPECT_THAT(describe(empty), HasSubstr("too few"));
  }
  EXPECT_THROW((void)find_scan_rotation({{1}, {1}}, {1, 1}, {1, 2, 1}), invalid_argument);
}

}  // namespace
}  // namespace countem
