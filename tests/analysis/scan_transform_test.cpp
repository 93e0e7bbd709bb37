#include "host/analysis/scan_transform.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>
#include <utility>

namespace {

using countem::analysis::scan_transform;
using complex = scan_transform::complex;

TEST(scan_transform, is_the_definition_and_its_own_undoing) {
  std::mt19937 random(2);
  std::normal_distribution<double> normal;
  for (const auto& [height, width] : {std::pair{4, 6}, std::pair{5, 7}, std::pair{3, 8}, std::pair{8, 3}}) {
    const auto rows = static_cast<std::size_t>(height);
    const auto columns = static_cast<std::size_t>(width);
    scan_transform transform(rows, columns);
    std::vector<double> image(rows * columns);
    for (double& value : image) value = normal(random);
    std::vector<complex> spectrum(transform.size());
    transform.forward(image, spectrum);
    double power = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < transform.half(); ++c) {
        complex wanted = 0;
        for (std::size_t y = 0; y < rows; ++y) {
          for (std::size_t x = 0; x < columns; ++x) {
            const double turns =
                transform.row_frequency(r) * static_cast<double>(y) + transform.column_frequency(c) * static_cast<double>(x);
            wanted += image[y * columns + x] * std::polar(1.0, -2 * std::numbers::pi * turns);
          }
        }
        EXPECT_NEAR(std::abs(spectrum[r * transform.half() + c] - wanted), 0, 1e-12) << height << " x " << width;
        power += transform.weight(c) * std::norm(wanted);
      }
    }
    double squares = 0;
    for (const double value : image) squares += value * value;
    EXPECT_NEAR(power / static_cast<double>(image.size()), squares, 1e-10);
    std::vector<double> back(image.size());
    transform.inverse(spectrum, back);
    for (std::size_t p = 0; p < image.size(); ++p) EXPECT_NEAR(back[p], image[p], 1e-12);
  }
}

}  // namespace
