#include <countem/scan_rotation.hpp>

#include <tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <countem/error.hpp>

#include "host/engine/axis_numbers.hpp"
#include "host/engine/unknown.hpp"
#include "threads/arena.hpp"

namespace countem {

namespace {

constexpr double largest_error_degrees = 5;  // of an angle that counts as found
constexpr double least_flip_sigmas = 4;      // of a flip that counts as found
constexpr double least_sign_sigmas = 3;      // of a sign that counts as found
constexpr std::size_t tiles_a_side = 8;      // parts of the scan that are left out in turn
constexpr std::size_t least_blocks = 6;      // a side of the shorter axis that is longer than 1
constexpr std::uint32_t largest_block = 64;
/// Derivatives of the deflections between four neighbouring blocks.
struct cell {
  double row_by_row = 0;
  double row_by_column = 0;
  double column_by_row = 0;
  double column_by_column = 0;
  double weight = 0;
  std::size_t tile = 0;

  [[nodiscard]] double curl(bool flip) const { return flip ? column_by_row + row_by_column : column_by_row - row_by_column; }
  [[nodiscard]] double divergence(bool flip) const {
    return flip ? column_by_column - row_by_row : column_by_column + row_by_row;
  }
};

/// Deflections averaged over blocks, weighted by electrons. Blocks overlap by half, so that none of the field falls between
/// them.
struct blocks {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t apart = 1;  ///< blocks from one to the next that does not overlap it
  deflection mean;
  std::vector<double> electrons;
};

blocks averaged(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan, std::uint32_t side) {
  blocks made;
  const std::uint32_t step = std::max(1U, side / 2);
  made.height = (scan.height - side) / step + 1;
  made.width = (scan.width - side) / step + 1;
  made.apart = side / step;
  const std::size_t number = made.height * made.width;
  made.mean = {std::vector<double>(number), std::vector<double>(number)};
  made.electrons.resize(number);
  for (std::size_t b = 0; b < number; ++b) {
    const std::size_t row = b / made.width * step;
    const std::size_t column = b % made.width * step;
    for (std::size_t r = row; r < row + side; ++r) {
      for (std::size_t p = r * scan.width + column; p < r * scan.width + column + side; ++p) {
        if (!(electrons[p] > 0)) continue;
        made.mean.row[b] += electrons[p] * maps.row[p];
        made.mean.column[b] += electrons[p] * maps.column[p];
        made.electrons[b] += electrons[p];
      }
    }
    made.mean.row[b] /= made.electrons[b];
    made.mean.column[b] /= made.electrons[b];
  }
  return made;
}

/// The cells of a map of blocks, the weighted means of their derivatives subtracted: a plane over the scan has no others.
std::vector<cell> cells_of(const blocks& map) {
  std::vector<cell> cells;
  for (std::size_t r = 0; r + map.apart < map.height; ++r) {
    for (std::size_t c = 0; c + map.apart < map.width; ++c) {
      const std::size_t first = r * map.width + c;
      const std::size_t below = first + map.apart * map.width;
      const std::array<std::size_t, 4> at{first, first + map.apart, below, below + map.apart};
      double inverse = 0;
      for (const std::size_t b : at) inverse += 1 / map.electrons[b];
      if (!std::isfinite(inverse)) continue;
      const auto by_row = [&](const std::vector<double>& v) { return (v[at[2]] + v[at[3]] - v[at[0]] - v[at[1]]) / 2; };
      const auto by_column = [&](const std::vector<double>& v) { return (v[at[1]] + v[at[3]] - v[at[0]] - v[at[2]]) / 2; };
      const std::size_t tile =
          r * tiles_a_side / (map.height - map.apart) * tiles_a_side + c * tiles_a_side / (map.width - map.apart);
      cells.push_back({by_row(map.mean.row), by_column(map.mean.row), by_row(map.mean.column), by_column(map.mean.column),
                       1 / inverse, tile});
    }
  }
  for (double cell::*derivative : {&cell::row_by_row, &cell::row_by_column, &cell::column_by_row, &cell::column_by_column}) {
    double sum = 0;
    double weight = 0;
    for (const cell& one : cells) {
      sum += one.weight * one.*derivative;
      weight += one.weight;
    }
    for (cell& one : cells) one.*derivative -= sum / weight;
  }
  return cells;
}

/// Weighted sums over cells for one hand.
struct curl_sums {
  double curls = 0;        ///< of C C
  double divergences = 0;  ///< of D D
  double products = 0;     ///< of C D

  void add(const cell& one, bool flip) {
    const double curl = one.curl(flip);
    const double divergence = one.divergence(flip);
    curls += one.weight * curl * curl;
    divergences += one.weight * divergence * divergence;
    products += one.weight * curl * divergence;
  }
  [[nodiscard]] curl_sums without(const curl_sums& part) const {
    return {curls - part.curls, divergences - part.divergences, products - part.products};
  }
  [[nodiscard]] double angle() const { return std::atan2(2 * products, divergences - curls) / 2; }
  /// By how much less curl than divergence there is after the rotation.
  [[nodiscard]] double contrast() const { return std::hypot(2 * products, divergences - curls); }
  [[nodiscard]] double least_curl() const {
    return std::max((curls + divergences - contrast()) / 2, 1e-12 * (curls + divergences));  // no less than rounding makes
  }
};

constexpr std::size_t tiles = tiles_a_side * tiles_a_side;

/// Standard error of a quantity by the jackknife over tiles. `difference(t)`: the quantity without tile t, from that with all.
template <class Difference>
double jackknife(const std::array<bool, tiles>& used, Difference&& difference) {
  double number = 0;
  double sum = 0;
  double squares = 0;
  for (std::size_t t = 0; t < tiles; ++t) {
    if (!used[t]) continue;
    const double value = difference(t);
    ++number;
    sum += value;
    squares += value * value;
  }
  // Of few parts the scatter itself is uncertain.
  if (number < 9) return engine::unknown;
  return std::sqrt((number - 1) / number * std::max(0.0, squares - sum * sum / number));
}

/// What the cells of one size of block show.
struct block_result {
  std::uint32_t side = 1;
  std::vector<cell> cells;
  std::array<bool, tiles> used{};
  std::array<curl_sums, 2> all;  ///< [flip]
  std::array<std::array<curl_sums, tiles>, 2> parts{};
  std::array<double, 2> angle_error{};  ///< [flip], radians
  double hand_sigmas = 0;               ///< above 0: without flip there is less curl, in standard errors of noise
};

block_result result_of(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan,
                       std::uint32_t side) {
  block_result result;
  result.side = side;
  result.cells = cells_of(averaged(maps, electrons, scan, side));
  for (const cell& one : result.cells) {
    result.used[one.tile] = true;
    for (const bool flip : {false, true}) {
      result.all[flip ? 1 : 0].add(one, flip);
      result.parts[flip ? 1 : 0][one.tile].add(one, flip);
    }
  }
  const auto without = [&](std::size_t hand, std::size_t tile) { return result.all[hand].without(result.parts[hand][tile]); };
  for (const std::size_t hand : {0U, 1U}) {
    const double angle = result.all[hand].angle();
    result.angle_error[hand] = jackknife(
        result.used, [&](std::size_t t) { return std::remainder(without(hand, t).angle() - angle, std::numbers::pi); });
  }
  // Were the other hand the right one, its curl would be noise, and that of this hand noise and more. So noise alone decides
  // whether a ratio above 1 can be chance: its logarithm has the variance 2 / n + 2 / n for n independent cells. Cells between
  // neighbouring blocks are not quite independent.
  const double independent = static_cast<double>(scan.positions()) / (2.0 * side * side);
  const double ratio = result.all[1].least_curl() / result.all[0].least_curl();
  if (std::isfinite(ratio)) result.hand_sigmas = std::log(ratio) / std::sqrt(4 / independent);
  return result;
}

/// Third moment of the divergence after a rotation, over its standard error.
double skewness_of(const block_result& from, const scan_rotation& rotation) {
  const double angle = rotation.degrees * std::numbers::pi / 180;
  double all = 0;
  std::array<double, tiles> parts{};
  for (const cell& one : from.cells) {
    const double turned = std::cos(angle) * one.divergence(rotation.flip) + std::sin(angle) * one.curl(rotation.flip);
    const double cube = one.weight * std::sqrt(one.weight) * turned * turned * turned;
    all += cube;
    parts[one.tile] += cube;
  }
  const double error = jackknife(from.used, [&](std::size_t t) { return parts[t]; });
  return error > 0 ? all / error : 0;
}

std::vector<block_result> results_of(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan) {
  const std::uint32_t shorter = std::min(scan.height, scan.width);
  std::vector<std::uint32_t> sides;
  for (std::uint32_t side = 1; side <= largest_block && shorter / side >= least_blocks; side *= 2) sides.push_back(side);
  std::vector<block_result> results(sides.size());
  arena_of(0).execute([&] {
    tbb::parallel_for(std::size_t{0}, sides.size(),
                      [&](std::size_t i) { results[i] = result_of(maps, electrons, scan, sides[i]); });
  });
  return results;
}

}  // namespace

void turn(deflection& maps, const scan_rotation& rotation) {
  // Quarter turns are exact.
  const double quarters = rotation.degrees / 90;
  const bool exact = quarters == std::round(quarters);
  const double angle = rotation.degrees * std::numbers::pi / 180;
  const double cosine = exact ? std::round(std::cos(angle)) : std::cos(angle);
  const double sine = exact ? std::round(std::sin(angle)) : std::sin(angle);
  for (std::size_t p = 0; p < maps.row.size(); ++p) {
    const double row = rotation.flip ? -maps.row[p] : maps.row[p];
    const double column = maps.column[p];
    maps.row[p] = cosine * row + sine * column;
    maps.column[p] = cosine * column - sine * row;
  }
}

std::string describe(const found_rotation& found) {
  const auto number = [](double value) { return engine::number_text(value); };
  if (!found.is_found) {
    if (!std::isfinite(found.standard_error_degrees)) return "not found: too few neighbouring positions have electrons";
    if (found.standard_error_degrees > largest_error_degrees)
      return "not found: curl and divergence are noise (standard error of the angle " + number(found.standard_error_degrees) +
             " degrees)";
    return "not found: the curl does not show whether the detector is flipped, which has to be given";
  }
  std::string text = number(found.rotation.degrees) + " degrees" + (found.rotation.flip ? ", flipped" : ", not flipped") +
                     " (standard error " + number(found.standard_error_degrees) + " degrees; the other hand has " +
                     number(found.curl_ratio) + " times the curl; ";
  text += found.sign_is_found ? "divergence skewed to negative values by " + number(-found.skewness) + " standard errors"
                              : "it may be half a turn more: the divergence is not skewed";
  return text + ")";
}

found_rotation find_scan_rotation(const deflection& maps, const std::vector<double>& electrons, const scan_shape& scan,
                                  std::optional<bool> flip) {
  const std::size_t positions = std::size_t{scan.height} * scan.width;
  if (maps.row.size() != positions || maps.column.size() != positions || electrons.size() != positions)
    throw invalid_argument("the centres of mass whose rotation is to be found do not fill the scan");
  found_rotation found;
  found.standard_error_degrees = found.curl_ratio = engine::unknown;
  const std::vector<block_result> results = results_of(maps, electrons, scan);
  if (results.empty()) return found;

  double sigmas = 0;
  for (const block_result& result : results) {
    if (std::abs(result.hand_sigmas) > std::abs(sigmas)) sigmas = result.hand_sigmas;
  }
  found.flip_is_found = !flip && std::abs(sigmas) >= least_flip_sigmas;
  found.rotation.flip = flip.value_or(found.flip_is_found && sigmas < 0);
  const std::size_t hand = found.rotation.flip ? 1 : 0;

  const block_result* best = nullptr;
  for (const block_result& result : results) {
    if (!std::isfinite(result.angle_error[hand])) continue;
    if (best == nullptr || result.angle_error[hand] < best->angle_error[hand]) best = &result;
  }
  if (best == nullptr) return found;
  constexpr double degrees = 180 / std::numbers::pi;
  found.block = best->side;
  found.standard_error_degrees = best->angle_error[hand] * degrees;
  found.curl_ratio = best->all[1 - hand].least_curl() / best->all[hand].least_curl();
  found.is_found =
      (flip || found.flip_is_found) && best->all[hand].contrast() > 0 && found.standard_error_degrees <= largest_error_degrees;
  if (!found.is_found) {
    found.rotation = {};
    return found;
  }
  found.rotation.degrees = best->all[hand].angle() * degrees;
  for (const block_result& result : results) {
    const double skewness = skewness_of(result, found.rotation);
    if (std::abs(skewness) > std::abs(found.skewness)) found.skewness = skewness;
  }
  found.sign_is_found = std::abs(found.skewness) >= least_sign_sigmas;
  if (found.sign_is_found && found.skewness > 0) {
    found.rotation.degrees += found.rotation.degrees > 0 ? -180 : 180;
    found.skewness = -found.skewness;
  }
  return found;
}

}  // namespace countem
