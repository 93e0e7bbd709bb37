// Phases with known answers: by hand, and of analytic phase objects.
#include <countem/phase.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include <countem/error.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/result_images.hpp>

#include "tests/reductions/deflection_fields.hpp"

namespace countem {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::vector<double> phase_of(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan,
                             scan_edges edges = scan_edges::even, double high_pass = 0) {
  return integrate(maps, electrons, scan, edges, high_pass, false).phase;
}

TEST(integrate, goes_half_way_with_each_of_two_positions) {
  const std::vector<double> phase = phase_of({{0, 0}, {1, 4}}, {1, 1}, {1, 2, 1});
  EXPECT_NEAR(phase[1] - phase[0], 2.5, 1e-12);
  EXPECT_NEAR(phase[0] + phase[1], 0, 1e-12);
}

TEST(integrate, is_exact_for_a_cubic_phase_also_across_a_gap) {
  // The deflection x^2 at 0, 1, 2, 4: the phase is x^3 / 3.
  const std::vector<double> phase = phase_of({{0, 0, 0, none, 0}, {0, 1, 4, none, 16}}, {1, 1, 1, 0, 1}, {1, 5, 1});
  EXPECT_NEAR(phase[1] - phase[0], 1.0 / 3, 1e-12);
  EXPECT_NEAR(phase[2] - phase[0], 8.0 / 3, 1e-12);
  EXPECT_NEAR(phase[4] - phase[0], 64.0 / 3, 1e-12);
  EXPECT_TRUE(std::isnan(phase[3]));
  // Rows likewise.
  const std::vector<double> down = phase_of({{0, 1, 4, none, 16}, {0, 0, 0, none, 0}}, {1, 1, 1, 0, 1}, {5, 1, 1});
  for (std::size_t p = 0; p < down.size(); ++p) {
    if (p != 3) {
      EXPECT_NEAR(down[p], phase[p], 1e-12);
    }
  }
}

TEST(integrate, spreads_what_contradicts_itself_by_weights) {
  // Around four positions the rises 1, 0, 0, 0 do not close. Equal weights: each link takes a quarter of it.
  const deflection maps{{0, 0, 0, 0}, {1, 1, 0, 0}};
  const std::vector<double> equal = phase_of(maps, {1, 1, 1, 1}, {2, 2, 1});
  EXPECT_NEAR(equal[1] - equal[0], 0.75, 1e-9);
  EXPECT_NEAR(equal[3] - equal[2], 0.25, 1e-9);
  // Weights 1 (upper, left) and 1.5 (lower, right): the links take 1, 1, 2/3, 2/3 of 10/3.
  const std::vector<double> unequal = phase_of(maps, {1, 1, 1, 3}, {2, 2, 1});
  EXPECT_NEAR(unequal[1] - unequal[0], 0.7, 1e-9);
  EXPECT_NEAR(unequal[3] - unequal[2], 0.2, 1e-9);
}

TEST(integrate, makes_a_ramp_of_a_constant_field) {
  const scan_shape scan{3, 4, 1};
  const std::vector<double> ramp =
      phase_of({std::vector<double>(12, 0.5), std::vector<double>(12, -2)}, std::vector<double>(12, 7), scan);
  for (std::size_t p = 0; p < 12; ++p)
    EXPECT_NEAR(ramp[p], 0.5 * (static_cast<double>(p / 4) - 1) - 2 * (static_cast<double>(p % 4) - 1.5), 1e-9);
  // Edges that meet cannot hold it.
  for (const double value : phase_of({std::vector<double>(12, 0.5), std::vector<double>(12, -2)}, std::vector<double>(12, 7),
                                     scan, scan_edges::periodic))
    EXPECT_NEAR(value, 0, 1e-9);
}

TEST(integrate, of_small_and_empty_scans_is_what_is_known) {
  EXPECT_EQ(phase_of({{3}, {4}}, {5}, {1, 1, 1})[0], 0);
  EXPECT_TRUE(std::isnan(phase_of({{none}, {none}}, {0}, {1, 1, 1})[0]));
  for (const scan_shape& scan : {scan_shape{1, 64, 1}, scan_shape{64, 1, 1}, scan_shape{1, 7, 1}, scan_shape{17, 19, 1},
                                 scan_shape{2, 2, 1}, scan_shape{5, 6, 1}}) {
    const std::size_t positions = scan.positions();
    for (const scan_edges edges : {scan_edges::even, scan_edges::periodic}) {
      const integrated_phase empty = integrate({std::vector<double>(positions, none), std::vector<double>(positions, none)},
                                               std::vector<double>(positions), scan, edges);
      for (std::size_t p = 0; p < positions; ++p) EXPECT_TRUE(std::isnan(empty.phase[p]) && std::isnan(empty.error[p]));
      EXPECT_TRUE(std::isnan(empty.typical_error) && std::isnan(empty.single_error));
      const integrated_phase full = integrate({std::vector<double>(positions, 0.0), std::vector<double>(positions, 0.0)},
                                              std::vector<double>(positions, 2.0), scan, edges);
      for (const double value : full.phase) EXPECT_NEAR(value, 0, 1e-12);
    }
  }
}

TEST(integrate, leaves_out_what_no_link_connects) {
  // Two of three rows hang together; the position in the middle of the scan is alone in its row and its column.
  std::vector<double> electrons{1, 0, 1, 0, 1, 0, 1, 0, 1};
  deflection maps{std::vector<double>(9, 1.0), std::vector<double>(9, 0.0)};
  for (const std::size_t p : {1U, 3U, 5U, 7U}) maps.row[p] = maps.column[p] = none;
  const std::vector<double> phase = phase_of(maps, electrons, {3, 3, 1});
  EXPECT_TRUE(std::isnan(phase[4]));
  EXPECT_NEAR(phase[6] - phase[0], 2, 1e-9);
  EXPECT_NEAR(phase[2] - phase[0], 0, 1e-9);
}

TEST(integrate, refuses_maps_of_another_size) {
  EXPECT_THROW((void)phase_of({{0}, {0}}, {1}, {1, 2, 1}), invalid_argument);
  EXPECT_THROW((void)phase_of({{0, 0}, {0}}, {1, 1}, {1, 2, 1}), invalid_argument);
  EXPECT_THROW((void)phase_of({{0, 0}, {0, 0}}, {1}, {1, 2, 1}), invalid_argument);
  EXPECT_THROW((void)phase_of({}, {}, {0, 0, 1}), invalid_argument);
  EXPECT_THROW((void)phase_of({{0, 0}, {0, 0}}, {1, 1}, {1, 2, 1}, scan_edges::even, -1), invalid_argument);
}

TEST(integrate, keeps_the_amplitude_where_positions_are_empty) {
  for (const scan_shape& scan : {scan_shape{64, 64, 1}, scan_shape{47, 62, 1}}) {
    const test::atoms object = test::lattice(scan, 15, 5, 3);
    for (const double share : {0.0, 0.05, 0.2, 0.5}) {
      deflection maps = object.gradient(scan);
      std::mt19937_64 generator(5);
      std::poisson_distribution<int> counts(20);
      std::vector<double> electrons(scan.positions());
      for (double& number : electrons) number = 1 + counts(generator);
      test::lose_positions(maps, electrons, share, 11);
      const test::agreement found = test::agreement_of(phase_of(maps, electrons, scan), object.map(scan));
      EXPECT_NEAR(found.amplitude, 1, 0.01) << share;
      EXPECT_LT(found.error, share < 0.3 ? 0.003 : 0.03) << share;
    }
  }
}

TEST(integrate, needs_no_periodic_object) {
  const scan_shape scan{64, 64, 1};
  const test::atoms object = test::lattice(scan, 21, 6, 4);
  const deflection maps = object.gradient(scan);
  const std::vector<double> electrons(scan.positions(), 10.0);
  EXPECT_LT(test::agreement_of(phase_of(maps, electrons, scan), object.map(scan)).error, 1e-3);
  EXPECT_GT(test::agreement_of(phase_of(maps, electrons, scan, scan_edges::periodic), object.map(scan)).error, 0.05);
}

TEST(integrate, with_periodic_edges_gives_back_a_wave_that_repeats) {
  const scan_shape scan{24, 30, 1};
  deflection maps;
  std::vector<double> truth;
  const double a = 2 * std::numbers::pi / 24;
  const double b = 4 * std::numbers::pi / 30;
  for (std::uint32_t p = 0; p < scan.positions(); ++p) {
    const double row = p / scan.width;
    const double column = p % scan.width;
    truth.push_back(std::sin(a * row + b * column));
    maps.row.push_back(a * std::cos(a * row + b * column));
    maps.column.push_back(b * std::cos(a * row + b * column));
  }
  const test::agreement found =
      test::agreement_of(phase_of(maps, std::vector<double>(scan.positions(), 3.0), scan, scan_edges::periodic), truth);
  EXPECT_NEAR(found.amplitude, 1, 1e-3);
  EXPECT_LT(found.error, 1e-3);
}

TEST(integrate, halves_a_wave_at_the_frequency_of_its_high_pass) {
  const scan_shape scan{1, 256, 1};
  for (const double cycles : {4.0, 8.0, 16.0}) {
    deflection maps{std::vector<double>(256), {}};
    std::vector<double> truth;
    const double a = 2 * std::numbers::pi * cycles / 256;
    for (int c = 0; c < 256; ++c) {
      truth.push_back(std::cos(a * (c + 0.5)));
      maps.column.push_back(-a * std::sin(a * (c + 0.5)));
    }
    const double share = cycles * cycles / (cycles * cycles + 64);
    EXPECT_NEAR(test::agreement_of(phase_of(maps, std::vector<double>(256, 5.0), scan, scan_edges::even, 8), truth).amplitude,
                share, 0.01);
  }
}

/// Scatter of the phases of noise alone, over what is predicted for it.
void expect_predicted_noise(double share, scan_edges edges, double high_pass) {
  const scan_shape scan{24, 22, 1};
  std::mt19937_64 generator(9);
  std::poisson_distribution<int> counts(12);
  std::vector<double> electrons(scan.positions());
  for (double& number : electrons) number = 1 + counts(generator);
  deflection lost{std::vector<double>(scan.positions()), std::vector<double>(scan.positions())};
  test::lose_positions(lost, electrons, share, 13);
  std::normal_distribution<double> normal;
  constexpr double sigma = 3;
  constexpr int repeats = 400;
  double measured = 0;
  double predicted = 0;
  double single = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    deflection maps = lost;
    for (std::size_t p = 0; p < electrons.size(); ++p) {
      if (!(electrons[p] > 0)) continue;
      maps.row[p] = sigma / std::sqrt(electrons[p]) * normal(generator);
      maps.column[p] = sigma / std::sqrt(electrons[p]) * normal(generator);
    }
    const bool predicts = repeat % 20 == 0;
    const integrated_phase found = integrate(maps, electrons, scan, edges, high_pass, predicts);
    double sum = 0;
    double number = 0;
    for (const double value : found.phase) {
      if (!std::isfinite(value)) continue;
      sum += value * value;
      ++number;
    }
    measured += sum / number / repeats;
    single += found.single_error / repeats;
    if (predicts) predicted += 20 * found.typical_error * found.typical_error / repeats;
  }
  EXPECT_NEAR(single, sigma, 0.03 * sigma);
  EXPECT_NEAR(std::sqrt(predicted / measured), 1, 0.05) << share;
}

TEST(phase_error, is_the_scatter_of_repeated_scans) {
  expect_predicted_noise(0, scan_edges::even, 0);
  expect_predicted_noise(0.2, scan_edges::even, 0);
  expect_predicted_noise(0.5, scan_edges::even, 0);
  expect_predicted_noise(0.2, scan_edges::periodic, 0);
  expect_predicted_noise(0.2, scan_edges::even, 3);
}

TEST(single_electron_error, is_what_does_not_close) {
  // Around one square the rises of columns are 2 above and 0 below: 2 (two means of 2, twice their sum) against a variance of 2
  // x 4.
  EXPECT_NEAR(single_electron_error({{0, 0, 0, 0}, {2, 2, 0, 0}}, {1, 1, 1, 1}, {2, 2, 1}), 4 / std::sqrt(8.0), 1e-12);
  EXPECT_TRUE(std::isnan(single_electron_error({{0, 0, 0, 0}, {2, 2, 0, 0}}, {1, 1, 0, 1}, {2, 2, 1})));
  EXPECT_TRUE(std::isnan(single_electron_error({{1, 2}, {2, 2}}, {1, 1}, {1, 2, 1})));
}

TEST(phase_scale, is_known_from_the_voltage_or_the_reciprocal_pixel) {
  // De Graef, Introduction to conventional transmission electron microscopy, table 2.2: 4.176, 2.508 and 1.969 pm.
  EXPECT_NEAR(electron_wavelength_nm(80), 4.176e-3, 1e-6);
  EXPECT_NEAR(electron_wavelength_nm(200), 2.508e-3, 1e-6);
  EXPECT_NEAR(electron_wavelength_nm(300), 1.969e-3, 1e-6);
  EXPECT_NEAR((phase_scale{0, 0.5, 0, 0.1}.radians()), 2 * std::numbers::pi * 0.05, 1e-12);
  const double per_nm = 0.25e-3 / electron_wavelength_nm(300);
  EXPECT_NEAR((phase_scale{0.25, 0, 300, 0.02}.radians()), 2 * std::numbers::pi * per_nm * 0.02, 1e-12);
  EXPECT_THROW((void)(phase_scale{0.25, 0, 0, 0.02}.radians()), invalid_argument) << "an angle without a voltage";
  EXPECT_THROW((void)(phase_scale{0.25, 0, 300, 0}.radians()), invalid_argument) << "no step";
  EXPECT_THROW((void)(phase_scale{0, 0, 300, 0.02}.radians()), invalid_argument) << "no pixel";
  EXPECT_THROW((void)(phase_scale{0.25, 0.1, 300, 0.02}.radians()), invalid_argument) << "two pixels";
  EXPECT_THROW((void)electron_wavelength_nm(-3), invalid_argument);
}

/// A scan of many electrons whose centres of mass are these deflections in pixels from (100, 90), which is not the centre.
reduction_result result_of(const deflection& pixels, const std::vector<double>& electrons) {
  reduction_result result;
  for (std::size_t p = 0; p < pixels.row.size(); ++p) {
    const auto number = static_cast<std::uint64_t>(electrons[p]);
    result.counts.push_back(number);
    result.moments.push_back({number, static_cast<std::uint64_t>(std::llround(electrons[p] * (100 + pixels.row[p]))),
                              static_cast<std::uint64_t>(std::llround(electrons[p] * (90 + pixels.column[p])))});
  }
  return result;
}

const saved_image& image_of(const std::vector<saved_image>& images, const std::string& name) {
  for (const saved_image& image : images) {
    if (image.name == name) return image;
  }
  throw invalid_argument("no image " + name);
}

const std::vector<double>& values_of(const std::vector<saved_image>& images, const std::string& name) {
  return std::get<std::vector<double>>(image_of(images, name).values);
}

TEST(phase_images, are_in_radians_of_a_known_object) {
  // A phase object in radians: with 0.2 mrad per pixel, 300 kV and steps of 0.03 nm the deflection is its gradient over the
  // scale.
  const scan_shape scan{48, 40, 1};
  const test::atoms object = test::lattice(scan, 14, 4, 8);
  const double scale = phase_scale{0.2, 0, 300, 0.03}.radians();
  deflection pixels = object.gradient(scan);
  for (double& value : pixels.row) value /= scale;
  for (double& value : pixels.column) value /= scale;
  const std::vector<double> electrons(scan.positions(), 1e7);
  reduction_plan plan = parse_plan("com:centre,phase,pixel-mrad:0.2,voltage:300,scan-step:0.03");
  plan.centre = detector_point{100, 90};
  const std::vector<saved_image> images = images_of(result_of(pixels, electrons), plan, {{256, 256}, scan});
  EXPECT_EQ(image_of(images, "phase").units, "rad");
  EXPECT_EQ(image_of(images, "phase_error").units, "rad");
  const test::agreement found = test::agreement_of(values_of(images, "phase"), object.map(scan));
  EXPECT_NEAR(found.amplitude, 1, 0.01);
  EXPECT_LT(found.error, 0.02);
}

TEST(phase_images, respect_a_known_centre) {
  const scan_shape scan{6, 5, 1};
  const std::vector<double> electrons(scan.positions(), 1000.0);
  const reduction_result result = result_of({std::vector<double>(30, 0.5), std::vector<double>(30, -0.25)}, electrons);
  reduction_plan plan = parse_plan("com,com:centre,phase");
  plan.centre = detector_point{100, 90};
  const std::vector<saved_image> images = images_of(result, plan, {{256, 256}, scan});
  const std::vector<double>& ramp = values_of(images, "phase");
  EXPECT_NEAR(ramp[25] - ramp[0], 2.5, 1e-6);
  EXPECT_NEAR(ramp[4] - ramp[0], -1, 1e-6);
  const std::vector<saved_image> level = images_of(result, parse_plan("com,phase"), {{256, 256}, scan});
  for (const double value : values_of(level, "phase")) EXPECT_NEAR(value, 0, 1e-9);
}

TEST(phase_images, have_attributes_and_no_errors_in_a_preview) {
  const scan_shape scan{6, 5, 1};
  std::mt19937_64 generator(2);
  std::normal_distribution<double> normal;
  deflection pixels{std::vector<double>(30), std::vector<double>(30)};
  for (auto* map : {&pixels.row, &pixels.column}) {
    for (double& value : *map) value = normal(generator);
  }
  const reduction_result result = result_of(pixels, std::vector<double>(30, 1000.0));
  const reduction_plan plan = parse_plan("com,phase,scan-rotation:30,flip");
  const std::vector<saved_image> full = images_of(result, plan, {{256, 256}, scan});
  const std::vector<saved_image> preview = images_of(result, plan, {{256, 256}, scan}, image_detail::preview);
  EXPECT_EQ(values_of(full, "phase"), values_of(preview, "phase"));
  for (std::size_t p = 0; p < 30; ++p) {
    EXPECT_GT(values_of(full, "phase_error")[p], 0);
    EXPECT_TRUE(std::isnan(values_of(preview, "phase_error")[p]));
  }
  std::vector<std::string> found;
  for (const image_attribute& one : image_of(full, "com_row").attributes) {
    if (one.name == "scan_rotation_degrees") {
      EXPECT_EQ(std::get<double>(one.value), 30);
    }
    if (one.name == "scan_rotation_flip") {
      EXPECT_EQ(std::get<std::string>(one.value), "yes");
    }
    found.push_back(one.name);
  }
  EXPECT_THAT(found, testing::IsSupersetOf({"scan_rotation_degrees", "scan_rotation_flip"}));
}

TEST(fit_plane, counts_by_weight) {
  // Three values on a plane and one far off that hardly counts.
  const scan_shape scan{2, 2, 1};
  const scan_plane plane = fit_plane({0, 2, 5, 1000}, scan, {1, 1, 1, 0});
  EXPECT_NEAR(plane.per_row, 5, 1e-9);
  EXPECT_NEAR(plane.per_column, 2, 1e-9);
  EXPECT_NEAR(fit_plane({0, 2, none, none}, scan, {3, 1, 5, 5}).middle, 0.5, 1e-12) << "fewer than three: their weighted mean";
  EXPECT_THROW((void)fit_plane({0, 2, 5, 7}, scan, {1}), invalid_argument);
}

TEST(fit_plane, weighted_by_electrons_finds_the_descan_of_an_uneven_scan_better) {
  // Most positions have 1 electron, a strip has 200. The scatter of one electron is 5 pixels.
  const scan_shape scan{40, 40, 1};
  std::mt19937_64 generator(6);
  std::normal_distribution<double> normal;
  double plain = 0;
  double weighted = 0;
  for (int repeat = 0; repeat < 40; ++repeat) {
    std::vector<double> map(scan.positions());
    std::vector<double> electrons(scan.positions());
    for (std::size_t p = 0; p < map.size(); ++p) {
      electrons[p] = p % 40 < 10 ? 200 : 1;
      map[p] = 5 / std::sqrt(electrons[p]) * normal(generator);
    }
    const scan_plane a = fit_plane(map, scan);
    const scan_plane b = fit_plane(map, scan, electrons);
    for (std::size_t p = 0; p < map.size(); ++p) {
      if (p % 40 >= 10) continue;
      plain += a.at(scan, p) * a.at(scan, p);
      weighted += b.at(scan, p) * b.at(scan, p);
    }
  }
  EXPECT_LT(std::sqrt(weighted / plain), 0.3);
}

TEST(descan, is_fitted_from_the_positions_that_are_named) {
  // The left third is vacuum with a descan of 0.1 per row; an object moves the beam elsewhere.
  const scan_shape scan{12, 12, 1};
  deflection pixels{std::vector<double>(144), std::vector<double>(144)};
  for (std::size_t p = 0; p < 144; ++p) pixels.row[p] = 0.1 * static_cast<double>(p / 12) + (p % 12 < 4 ? 0 : 1);
  const std::vector<saved_image> images = images_of(result_of(pixels, std::vector<double>(144, 1e6)),
                                                    parse_plan("com,com:descan,descan-from:0:12,0:4"), {{256, 256}, scan});
  for (std::size_t p = 0; p < 144; ++p) EXPECT_NEAR(values_of(images, "com_row")[p], p % 12 < 4 ? 0 : 1, 1e-5);
}

}  // namespace
}  // namespace countem
