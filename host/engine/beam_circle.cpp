#include "host/engine/beam_circle.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "host/engine/robust.hpp"

namespace countem {

namespace {

/// Electrons in the fullest box: their spread is an eighth of them.
constexpr double enough_electrons = 64;
/// A box counts as seen from this share of used cells on.
constexpr double seen_share = 0.4;
/// This share of the pattern is taken to be outside of the beam.
constexpr double background_share = 0.15;
/// Of some hundred thousand boxes of chance the fullest has 5 standard deviations more than most, and the background is one
/// low.
constexpr double background_sigmas = 8;
constexpr std::size_t enough_for_background = 20000;
constexpr std::size_t most_rim_points = 200;
constexpr int tried_circles = 300;
/// In the shorter side of the pattern.
constexpr double largest_radius = 0.75;
/// Cosine between the slope of the density and the direction to the centre.
constexpr double aligned = 0.75;

/// Densities in electrons per cell, of boxes around points of a grid.
struct smooth_map {
  std::int64_t side = 1;
  std::int64_t step = 1;  ///< cells from one point to the next
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<double> density;  ///< below 0 where too few cells of the box are used

  [[nodiscard]] std::size_t at(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>(row * width + column);
  }
  [[nodiscard]] bool seen(std::int64_t row, std::int64_t column) const {
    return row >= 0 && column >= 0 && row < height && column < width && density[at(row, column)] >= 0;
  }
};

smooth_map smooth(const beam_pattern& pattern, std::int64_t side, std::int64_t step) {
  smooth_map map;
  map.side = side;
  map.step = step;
  map.height = (pattern.height + map.step - 1) / map.step;
  map.width = (pattern.width + map.step - 1) / map.step;
  map.density.resize(static_cast<std::size_t>(map.height * map.width));
  const double area = static_cast<double>(side) * static_cast<double>(side);
  for (std::int64_t row = 0; row < map.height; ++row) {
    for (std::int64_t column = 0; column < map.width; ++column) {
      // Points lie in the middle of their step, so that all cells are equally near to one.
      const std::int64_t top = row * map.step + (map.step - side) / 2;
      const std::int64_t left = column * map.step + (map.step - side) / 2;
      const beam_pattern::content box = pattern.within(top, top + side, left, left + side);
      map.density[map.at(row, column)] = box.cells < seen_share * area ? -1 : box.counts / box.cells;
    }
  }
  return map;
}

/// Where a point of the map lies, in cells.
double place_of(const smooth_map& map, double point) {
  // A box begins at step * point + (step - side) / 2, rounded towards 0, and is `side` long.
  const auto begin = static_cast<double>((map.step - map.side) / 2);
  return point * static_cast<double>(map.step) + begin + (static_cast<double>(map.side) - 1) / 2;
}

/// What most of the pattern that is no beam has at least.
std::optional<double> background_of(const smooth_map& map) {
  std::vector<double> seen;
  const std::size_t stride = map.density.size() / enough_for_background + 1;
  for (std::size_t point = 0; point < map.density.size(); point += stride) {
    if (map.density[point] >= 0) seen.push_back(map.density[point]);
  }
  return seen.empty() ? std::nullopt : std::optional(engine::quantile(std::move(seen), background_share));
}

/// Half way from the background to the level of what lies above it.
std::optional<double> half_level(const smooth_map& map) {
  const std::optional<double> background = background_of(map);
  if (!background) return std::nullopt;
  double half = (*background + *std::ranges::max_element(map.density)) / 2;
  constexpr int rounds = 3;  // the highest density is one of chance; the median of what is above half of it is not
  for (int round = 0; round < rounds; ++round) {
    std::vector<double> above;
    std::ranges::copy_if(map.density, std::back_inserter(above),
                         [&](double density) { return density >= half && density > 0; });
    if (above.empty()) return std::nullopt;
    half = (*background + engine::quantile(std::move(above), 0.5)) / 2;
  }
  return half;
}

/// The points at or above `half` that hang together with each other and hold most electrons.
std::vector<std::uint8_t> main_region(const smooth_map& map, double half) {
  std::vector<std::uint8_t> visited(map.density.size(), 0);
  std::vector<std::size_t> region;
  std::vector<std::size_t> best;
  double most = 0;
  for (std::size_t start = 0; start < visited.size(); ++start) {
    region.clear();
    double held = 0;
    const auto visit = [&](std::int64_t row, std::int64_t column) {
      if (!map.seen(row, column)) return;
      const std::size_t point = map.at(row, column);
      if (visited[point] != 0 || map.density[point] < half) return;
      visited[point] = 1;
      held += map.density[point];
      region.push_back(point);
    };
    const auto row_of = [&](std::size_t point) { return static_cast<std::int64_t>(point) / map.width; };
    const auto column_of = [&](std::size_t point) { return static_cast<std::int64_t>(point) % map.width; };
    visit(row_of(start), column_of(start));
    for (std::size_t i = 0; i < region.size(); ++i) {
      const std::int64_t row = row_of(region[i]);
      const std::int64_t column = column_of(region[i]);
      for (std::int64_t dr = -1; dr <= 1; ++dr) {
        for (std::int64_t dc = -1; dc <= 1; ++dc) visit(row + dr, column + dc);
      }
    }
    if (held > most) {
      most = held;
      best = region;
    }
  }
  std::vector<std::uint8_t> inside(map.density.size(), 0);
  for (const std::size_t point : best) inside[point] = 1;
  return inside;
}

struct rim_point {
  double row = 0;
  double column = 0;
  double slope_row = 0;  ///< direction in which the density rises, of length 1
  double slope_column = 0;
};

/// Where the density passes `half` between neighbours in one direction.
void add_crossing(const smooth_map& map, double half, std::int64_t row, std::int64_t column, std::int64_t dr, std::int64_t dc,
                  std::vector<rim_point>& rim) {
  if (!map.seen(row + dr, column + dc)) return;
  const double here = map.density[map.at(row, column)];
  const double there = map.density[map.at(row + dr, column + dc)];
  if (there >= half) return;
  const double share = (here - half) / std::max(here - there, 1e-300);
  const auto slope = [&](std::int64_t up_row, std::int64_t up_column) {
    const auto value = [&](std::int64_t r, std::int64_t c) { return map.seen(r, c) ? map.density[map.at(r, c)] : half; };
    return value(row + up_row, column + up_column) - value(row - up_row, column - up_column) +
           value(row + dr + up_row, column + dc + up_column) - value(row + dr - up_row, column + dc - up_column);
  };
  rim_point point{place_of(map, static_cast<double>(row) + share * static_cast<double>(dr)),
                  place_of(map, static_cast<double>(column) + share * static_cast<double>(dc)), slope(1, 0), slope(0, 1)};
  const double length = std::hypot(point.slope_row, point.slope_column);
  if (length <= 0) return;
  point.slope_row /= length;
  point.slope_column /= length;
  rim.push_back(point);
}

struct rims {
  std::vector<rim_point> main;  ///< of the main region
  std::vector<rim_point> all;   ///< of all regions: a bar may cut the beam in two
};

template <class T>
std::vector<T> thinned(const std::vector<T>& all, std::size_t most) {
  if (all.size() <= most) return all;
  std::vector<T> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(all[i * all.size() / most]);
  return some;
}

rims find_rims(const smooth_map& map, double half) {
  const std::vector<std::uint8_t> inside = main_region(map, half);
  rims found;
  constexpr std::array<std::array<std::int64_t, 2>, 4> directions{{{1, 0}, {-1, 0}, {0, 1}, {0, -1}}};
  for (std::int64_t row = 0; row < map.height; ++row) {
    for (std::int64_t column = 0; column < map.width; ++column) {
      if (map.density[map.at(row, column)] < half) continue;
      for (const auto& [dr, dc] : directions) {
        const std::size_t before = found.all.size();
        add_crossing(map, half, row, column, dr, dc, found.all);
        if (found.all.size() > before && inside[map.at(row, column)] != 0) found.main.push_back(found.all.back());
      }
    }
  }
  found.main = thinned(found.main, most_rim_points);
  found.all = thinned(found.all, 2 * most_rim_points);
  return found;
}

struct circle {
  double row = 0;
  double column = 0;
  double radius = 0;
};

std::optional<circle> through(const rim_point& a, const rim_point& b, const rim_point& c) {
  const double br = b.row - a.row;
  const double bc = b.column - a.column;
  const double cr = c.row - a.row;
  const double cc = c.column - a.column;
  const double twice = 2 * (br * cc - bc * cr);
  if (std::abs(twice) < 1e-9) return std::nullopt;
  const double b2 = br * br + bc * bc;
  const double c2 = cr * cr + cc * cc;
  const double row = (cc * b2 - bc * c2) / twice;
  const double column = (br * c2 - cr * b2) / twice;
  return circle{a.row + row, a.column + column, std::hypot(row, column)};
}

bool agrees(const circle& with, const rim_point& point, double tolerance) {
  const double row = with.row - point.row;
  const double column = with.column - point.column;
  const double distance = std::hypot(row, column);
  return std::abs(distance - with.radius) <= tolerance &&
         row * point.slope_row + column * point.slope_column >= aligned * distance;
}

/// Kasa's fit: least squares of row^2 + column^2 + a row + b column + c.
std::optional<circle> fitted(const std::vector<rim_point>& rim, const circle& near, double tolerance) {
  double n = 0, r = 0, c = 0, rr = 0, rc = 0, cc = 0, rz = 0, cz = 0, z = 0;
  for (const rim_point& point : rim) {
    if (!agrees(near, point, tolerance)) continue;
    const double row = point.row - near.row;
    const double column = point.column - near.column;
    const double square = row * row + column * column;
    n += 1;
    r += row;
    c += column;
    z += square;
    rr += row * row;
    rc += row * column;
    cc += column * column;
    rz += row * square;
    cz += column * square;
  }
  if (n < 4) return std::nullopt;
  const double vrr = rr - r * r / n;
  const double vcc = cc - c * c / n;
  const double vrc = rc - r * c / n;
  const double vrz = rz - r * z / n;
  const double vcz = cz - c * z / n;
  const double determinant = vrr * vcc - vrc * vrc;
  if (determinant <= 1e-9 * vrr * vcc) return std::nullopt;
  const double row = (vrz * vcc - vcz * vrc) / determinant / 2;
  const double column = (vcz * vrr - vrz * vrc) / determinant / 2;
  const double square = (z - 2 * row * r - 2 * column * c) / n + row * row + column * column;
  if (!(square > 0)) return std::nullopt;
  return circle{near.row + row, near.column + column, std::sqrt(square)};
}

/// The circle through three points of the main rim that most points of all rims agree with.
std::optional<circle> agreed_circle(const rims& rim, const beam_pattern& pattern, double side) {
  if (rim.main.size() < 8) return std::nullopt;
  const double largest = std::max(pattern.height, pattern.width);
  const auto tolerance = [&](double radius) { return std::max({0.7, side / 6, 0.02 * radius}); };
  std::mt19937 random(1);  // its numbers are the same everywhere
  std::optional<circle> best;
  std::ptrdiff_t most = 0;
  for (int trial = 0; trial < tried_circles; ++trial) {
    const auto one = [&]() -> const rim_point& { return rim.main[random() % rim.main.size()]; };
    const rim_point& a = one();
    const rim_point& b = one();
    const rim_point& c = one();
    const std::optional<circle> tried = through(a, b, c);
    if (!tried || !(tried->radius <= largest)) continue;
    const std::ptrdiff_t agreeing =
        std::ranges::count_if(rim.all, [&](const rim_point& point) { return agrees(*tried, point, tolerance(tried->radius)); });
    if (agreeing <= most) continue;
    most = agreeing;
    best = tried;
  }
  constexpr int refinements = 3;
  for (int i = 0; best && i < refinements; ++i) {
    const std::optional<circle> finer = fitted(rim.all, *best, 1.5 * tolerance(best->radius));
    if (!finer) break;
    best = finer;
  }
  return best;
}

}  // namespace

double evidence_of(const beam_pattern& pattern, const rough_disk& disk) {
  constexpr double inner = 0.9;  // the rim itself is left out: it is known only roughly
  constexpr double ring_from = 1.1;
  constexpr double ring_to = 1.45;
  const auto within = [&](double share) {
    beam_pattern::content sum;
    const double radius = std::max(1.0, share * disk.radius);
    const auto first = static_cast<std::int64_t>(std::ceil(disk.centre.row - radius));
    const auto last = static_cast<std::int64_t>(std::floor(disk.centre.row + radius));
    for (std::int64_t row = first; row <= last; ++row) {
      const double dr = static_cast<double>(row) - disk.centre.row;
      const double reach = std::sqrt(std::max(0.0, radius * radius - dr * dr));
      const beam_pattern::content line =
          pattern.within(row, row + 1, static_cast<std::int64_t>(std::ceil(disk.centre.column - reach)),
                         static_cast<std::int64_t>(std::floor(disk.centre.column + reach)) + 1);
      sum.counts += line.counts;
      sum.cells += line.cells;
    }
    return sum;
  };
  const beam_pattern::content disk_sum = within(inner);
  const beam_pattern::content hole = within(ring_from);
  beam_pattern::content ring = within(ring_to);
  ring.counts -= hole.counts;
  ring.cells -= hole.cells;
  if (disk_sum.cells <= 0 || ring.cells <= 0 || disk_sum.counts * ring.cells <= ring.counts * disk_sum.cells) return 0;
  const auto term = [](double counts, double cells) { return counts > 0 ? counts * std::log(counts / cells) : 0; };
  return term(disk_sum.counts, disk_sum.cells) + term(ring.counts, ring.cells) -
         term(disk_sum.counts + ring.counts, disk_sum.cells + ring.cells);
}

std::int64_t next_side(std::int64_t side) {
  return side < 4 ? side + 1 : side * 7 / 5;
}

std::optional<std::int64_t> smallest_side(const beam_pattern& pattern) {
  const std::int64_t largest = std::max<std::int64_t>(1, std::min(pattern.height, pattern.width) / 3);
  for (std::int64_t side = 1; side <= largest; side = next_side(side)) {
    const smooth_map map = smooth(pattern, side, side);
    const auto area = static_cast<double>(side * side);
    const double most = *std::ranges::max_element(map.density) * area;
    if (most < enough_electrons) continue;
    const std::optional<double> background = background_of(map);
    if (background && most - *background * area >= background_sigmas * std::sqrt(*background * area)) return side;
  }
  return std::nullopt;
}

std::optional<rough_disk> find_rough_disk(const beam_pattern& pattern, std::int64_t side) {
  const smooth_map map = smooth(pattern, side, std::max<std::int64_t>(1, side / 3));
  const std::optional<double> half = half_level(map);
  if (!half) return std::nullopt;
  const std::optional<circle> found = agreed_circle(find_rims(map, *half), pattern, static_cast<double>(side));
  if (!found || !(found->radius > 0) || found->radius > largest_radius * std::min(pattern.height, pattern.width))
    return std::nullopt;
  return rough_disk{{found->row, found->column}, found->radius, static_cast<double>(side)};
}

}  // namespace countem
