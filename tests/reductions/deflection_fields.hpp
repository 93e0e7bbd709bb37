#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <countem/deflection.hpp>
#include <countem/types.hpp>

namespace countem::test {

/// A phase of Gaussian atoms, with its gradient. Nothing of it is periodic.
struct atoms {
  struct atom {
    double row;
    double column;
    double height;
  };
  std::vector<atom> places;
  double width;  ///< standard deviation in scan steps

  [[nodiscard]] double phase(double row, double column) const {
    double sum = 0;
    for (const atom& one : places) sum += of(one, row, column);
    return sum;
  }
  /// Along rows and columns, in units of the phase per step.
  [[nodiscard]] deflection gradient(const scan_shape& scan) const {
    deflection maps;
    for (std::uint32_t row = 0; row < scan.height; ++row) {
      for (std::uint32_t column = 0; column < scan.width; ++column) {
        double by_row = 0;
        double by_column = 0;
        for (const atom& one : places) {
          by_row -= (row - one.row) / (width * width) * of(one, row, column);
          by_column -= (column - one.column) / (width * width) * of(one, row, column);
        }
        maps.row.push_back(by_row);
        maps.column.push_back(by_column);
      }
    }
    return maps;
  }
  [[nodiscard]] std::vector<double> map(const scan_shape& scan) const {
    std::vector<double> values;
    for (std::uint32_t row = 0; row < scan.height; ++row) {
      for (std::uint32_t column = 0; column < scan.width; ++column) values.push_back(phase(row, column));
    }
    return values;
  }

 private:
  [[nodiscard]] double of(const atom& one, double row, double column) const {
    const double squared = (row - one.row) * (row - one.row) + (column - one.column) * (column - one.column);
    return one.height * std::exp(-squared / (2 * width * width));
  }
};

/// Atoms about `distance` apart, each a little off its place.
inline atoms lattice(const scan_shape& scan, double distance, double width, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  atoms made{{}, width};
  for (double row = 0.4 * distance; row < scan.height; row += distance) {
    for (double column = 0.3 * distance; column < scan.width; column += 1.2 * distance)
      made.places.push_back({row + unit(generator), column + unit(generator), 0.7 + 0.6 * unit(generator)});
  }
  return made;
}

inline double root_mean_square(const deflection& maps) {
  double sum = 0;
  for (const double value : maps.row) sum += value * value;
  for (const double value : maps.column) sum += value * value;
  return std::sqrt(sum / static_cast<double>(2 * maps.row.size()));
}

/// Makes positions without electrons: a share of them, by chance.
inline void lose_positions(deflection& maps, std::vector<double>& electrons, double share, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  for (std::size_t p = 0; p < electrons.size(); ++p) {
    if (unit(generator) >= share) continue;
    electrons[p] = 0;
    maps.row[p] = maps.column[p] = std::numeric_limits<double>::quiet_NaN();
  }
}

/// Slope of the regression of what was found on the truth, and the root mean square of what remains over that of the truth;
/// both from their means, over the finite values.
struct agreement {
  double amplitude;
  double error;
};

inline agreement agreement_of(const std::vector<double>& found, const std::vector<double>& truth) {
  double number = 0;
  double mean_found = 0;
  double mean_truth = 0;
  for (std::size_t p = 0; p < found.size(); ++p) {
    if (!std::isfinite(found[p])) continue;
    ++number;
    mean_found += found[p];
    mean_truth += truth[p];
  }
  mean_found /= number;
  mean_truth /= number;
  double squares = 0;
  double products = 0;
  double differences = 0;
  for (std::size_t p = 0; p < found.size(); ++p) {
    if (!std::isfinite(found[p])) continue;
    const double a = truth[p] - mean_truth;
    const double b = found[p] - mean_found;
    squares += a * a;
    products += a * b;
    differences += (a - b) * (a - b);
  }
  return {products / squares, std::sqrt(differences / squares)};
}

}  // namespace countem::test
