// The simulated charge clouds against measured ones (tests/data_gen/README.md names their origin).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "data_gen/charge_cloud.hpp"

namespace {

using namespace countem;
using namespace countem::data_gen;

/// Charge in ADU per pixel of one electron.
using cloud = std::vector<double>;

/// What a cloud does to counting.
struct cloud_statistics {
  double mean_charge = 0;
  double median_charge = 0;
  double ninetieth_percentile = 0;
  double peak_fraction = 0;
  double pixels_above_4_adu = 0;
};

double percentile(const std::vector<double>& sorted, double part) {
  const double at = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

cloud_statistics statistics(const std::vector<cloud>& clouds) {
  cloud_statistics found;
  std::vector<double> charges;
  for (const cloud& each : clouds) {
    const double charge = std::accumulate(each.begin(), each.end(), 0.0);
    charges.push_back(charge);
    if (charge > 0) found.peak_fraction += *std::max_element(each.begin(), each.end()) / charge;
    found.pixels_above_4_adu +=
        static_cast<double>(std::count_if(each.begin(), each.end(), [](double adu) { return adu > 4; }));
  }
  const auto count = static_cast<double>(clouds.size());
  found.peak_fraction /= count;
  found.pixels_above_4_adu /= count;
  found.mean_charge = std::accumulate(charges.begin(), charges.end(), 0.0) / count;
  std::sort(charges.begin(), charges.end());
  found.median_charge = percentile(charges, 0.5);
  found.ninetieth_percentile = percentile(charges, 0.9);
  return found;
}

/// The measured clouds on 10 um pixels: each event four times, entering each of the four 5 um cells of its pixel.
std::vector<cloud> measured(const std::filesystem::path& path) {
  std::map<int, std::vector<std::array<int, 3>>> events;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);  // column names
  while (std::getline(file, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream numbers(line);
    int event = 0;
    std::array<int, 3> cell{};
    numbers >> event >> cell[0] >> cell[1] >> cell[2];
    events[event].push_back(cell);
  }
  std::vector<cloud> clouds;
  for (const auto& [event, cells] : events) {
    for (int phase = 0; phase < 4; ++phase) {
      std::map<std::pair<int, int>, double> pixels;
      for (const auto& [row, column, pairs] : cells) {
        pixels[{(row + phase / 2) / 2, (column + phase % 2) / 2}] += pairs / static_cast<double>(pairs_per_adu);
      }
      cloud& made = clouds.emplace_back();
      for (const auto& [pixel, adu] : pixels) made.push_back(adu);
    }
  }
  return clouds;
}

std::vector<cloud> simulated(double kilovolts, std::uint64_t count) {
  constexpr frame_shape shape{81, 81};
  const charge_cloud model(cloud_parameters_at(kilovolts), kilovolts);
  std::vector<std::uint16_t> pairs(shape.pixels());
  std::vector<cloud> clouds;
  for (std::uint64_t event = 0; event < count; ++event) {
    random_stream random(99, event, purpose::electrons);
    std::fill(pairs.begin(), pairs.end(), std::uint16_t{0});
    charge_frame frame(shape, pairs.data());
    const double row = 40 + random.uniform();
    const double column = 40 + random.uniform();
    model.deposit(row, column, random, frame);
    cloud& made = clouds.emplace_back();
    for (const std::uint16_t each : pairs) {
      if (each != 0) made.push_back(each / static_cast<double>(pairs_per_adu));
    }
  }
  return clouds;
}

std::string told(const cloud_statistics& of) {
  std::ostringstream text;
  text << of.mean_charge << ' ' << of.median_charge << ' ' << of.ninetieth_percentile << ' ' << of.peak_fraction << ' '
       << of.pixels_above_4_adu;
  return text.str();
}

class measured_clouds : public ::testing::TestWithParam<int> {};

TEST_P(measured_clouds, are_met_within_ten_percent) {
  const std::filesystem::path path =
      std::filesystem::path(COUNTEM_ELECTRON_CLOUDS) / ("clouds_" + std::to_string(GetParam()) + "kV.csv");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here: the simulated clouds are not checked against it";
  const std::vector<cloud> true_clouds = measured(path);
  ASSERT_GT(true_clouds.size(), 300U);
  const cloud_statistics wanted = statistics(true_clouds);
  const cloud_statistics got = statistics(simulated(GetParam(), 6000));
  RecordProperty("figures", told(wanted) + " measured, " + told(got) + " simulated");
  EXPECT_NEAR(got.mean_charge / wanted.mean_charge, 1, 0.1);
  EXPECT_NEAR(got.median_charge / wanted.median_charge, 1, 0.1);
  EXPECT_NEAR(got.ninetieth_percentile / wanted.ninetieth_percentile, 1, 0.1);
  EXPECT_NEAR(got.peak_fraction / wanted.peak_fraction, 1, 0.1);
  EXPECT_NEAR(got.pixels_above_4_adu / wanted.pixels_above_4_adu, 1, 0.1);
}

INSTANTIATE_TEST_SUITE_P(kilovolts, measured_clouds, ::testing::Values(100, 300), ::testing::PrintToStringParamName());

// Slower electrons lose more: the model must not do odd things between and below the fitted voltages.
TEST(charge_cloud, charge_falls_with_the_voltage) {
  double last = 1e9;
  for (const double kilovolts : {60.0, 80.0, 120.0, 160.0, 200.0, 300.0}) {
    const double median = statistics(simulated(kilovolts, 600)).median_charge;
    EXPECT_GT(median, 15) << kilovolts;
    EXPECT_LT(median, last) << kilovolts;
    last = median;
  }
}

TEST(charge_cloud, charge_beyond_the_frame_is_lost) {
  constexpr frame_shape shape{21, 21};
  const charge_cloud model(cloud_parameters_at(300), 300);
  const auto collected = [&](double row) {
    double pairs = 0;
    for (std::uint64_t event = 0; event < 500; ++event) {
      std::vector<std::uint16_t> pixels(shape.pixels());
      charge_frame frame(shape, pixels.data());
      random_stream random(5, event, purpose::electrons);
      const std::uint32_t told = model.deposit(row, 10.5, random, frame);
      EXPECT_EQ(told, std::accumulate(pixels.begin(), pixels.end(), 0U));
      pairs += told;
    }
    return pairs;
  };
  EXPECT_NEAR(collected(0) / collected(10.5), 0.5, 0.05);
  EXPECT_EQ(collected(-50), 0);
}

}  // namespace
