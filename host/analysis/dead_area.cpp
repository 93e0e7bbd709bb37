#include "host/analysis/dead_area.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace countem::analysis {

namespace {

/// From this factor between the rates of classes on, electrons that make two events can be separated from those that are lost.
constexpr double wide_rates = 4;

/// Sums of an image over disk and ring around each pixel, by running sums along rows.
struct zone_sums {
  std::vector<double> near;
  std::vector<double> ring;
};

zone_sums sums_around(std::span<const std::uint64_t> sum, frame_shape shape, const neighbourhood& around) {
  const std::int64_t height = shape.height;
  const std::int64_t width = shape.width;
  std::vector<double> running(static_cast<std::size_t>(height * (width + 1)));
  for (std::int64_t r = 0; r < height; ++r) {
    for (std::int64_t c = 0; c < width; ++c)
      running[static_cast<std::size_t>(r * (width + 1) + c + 1)] =
          running[static_cast<std::size_t>(r * (width + 1) + c)] +
          static_cast<double>(sum[static_cast<std::size_t>(r * width + c)]);
  }
  const auto half_width = [](double squared, std::int64_t row) {
    const double left = squared - static_cast<double>(row * row);
    return left < 0 ? std::int64_t{-1} : static_cast<std::int64_t>(std::sqrt(left));
  };
  zone_sums sums{std::vector<double>(sum.size()), std::vector<double>(sum.size())};
  for (std::int64_t r = 0; r < height; ++r) {
    for (std::int64_t down = -std::int64_t{around.reach}; down <= std::int64_t{around.reach}; ++down) {
      if (r + down < 0 || r + down >= height) continue;
      const double* const line = running.data() + (r + down) * (width + 1);
      const std::int64_t inner = half_width(around.near_squared, down);
      const std::int64_t outer = half_width(around.ring_squared, down);
      for (std::int64_t c = 0; c < width; ++c) {
        const auto between = [&](std::int64_t half) {
          return half < 0 ? 0 : line[std::min(width, c + half + 1)] - line[std::max<std::int64_t>(0, c - half)];
        };
        const auto at = static_cast<std::size_t>(r * width + c);
        const double inside = between(inner);
        sums.near[at] += inside;
        sums.ring[at] += between(outer) - inside;
      }
    }
  }
  return sums;
}

/// Area and splitting of one set of counts.
struct estimate {
  double area = 0;
  double split = 0;
  double local_rate = 0;
  double events = 0;
};

/// Per event of a class, pairs are missing from the disk: A times the density of events, less two for each electron that made
/// two. The density is what the ring shows, corrected for the mean pattern's curvature.
estimate estimated(const std::vector<pair_counts>& counts, const rate_classes& classes, const neighbourhood& around) {
  double weight = 0;
  double rate = 0;
  double missing = 0;
  double rate_rate = 0;
  double rate_missing = 0;
  double least = 0;
  double most = 0;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const pair_counts& pairs = counts[c];
    if (!(pairs.events > 0) || !(pairs.ring > 0) || !(classes.ring_pairs[c] > 0)) continue;
    const double expected = pairs.ring / pairs.events * (classes.near_pairs[c] / classes.ring_pairs[c]);
    const double density = expected / around.near_area;
    const double lacks = expected - pairs.near / pairs.events;
    // Pairs are few and scatter as Poisson: per event by the density itself.
    const double w = pairs.events / density;
    weight += w;
    rate += w * density;
    missing += w * lacks;
    rate_rate += w * density * density;
    rate_missing += w * density * lacks;
    if (pairs.ring < 100) continue;
    least = least == 0 ? density : std::min(least, density);
    most = std::max(most, density);
  }
  estimate found;
  if (!(rate_rate > 0)) return found;
  found.local_rate = rate_rate / rate;
  const double scatter = weight * rate_rate - rate * rate;
  if (most > wide_rates * least && scatter > 0) {
    found.area = (weight * rate_missing - rate * missing) / scatter;
    found.split = -(missing - found.area * rate) / weight / 2;
  } else {
    found.area = rate_missing / rate_rate;
  }
  for (const pair_counts& pairs : counts) found.events += pairs.events;
  return found;
}

}  // namespace

rate_classes classes_of(std::span<const std::uint64_t> sum, frame_shape shape, const neighbourhood& around) {
  const zone_sums sums = sums_around(sum, shape, around);
  rate_classes classes;
  classes.of_pixel.resize(sum.size());
  std::uint8_t number = 0;
  for (std::size_t p = 0; p < sum.size(); ++p) {
    // Its surroundings, not the pixel itself: a pixel that has many events by chance must not choose its class by that.
    classes.of_pixel[p] = static_cast<std::uint8_t>(std::bit_width(static_cast<std::uint64_t>(sums.ring[p])));
    number = std::max(number, classes.of_pixel[p]);
  }
  classes.near_pairs.resize(std::size_t{number} + 1);
  classes.ring_pairs.resize(std::size_t{number} + 1);
  for (std::size_t p = 0; p < sum.size(); ++p) {
    const auto events = static_cast<double>(sum[p]);
    classes.near_pairs[classes.of_pixel[p]] += events * std::max(0.0, sums.near[p] - 1);  // an event is no pair with itself
    classes.ring_pairs[classes.of_pixel[p]] += events * sums.ring[p];
  }
  return classes;
}

std::vector<pair_counts> pair_statistics::without(std::size_t part) const {
  std::vector<pair_counts> sums(classes_.size());
  for (std::size_t p = 0; p < parts; ++p) {
    if (p == part) continue;
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const pair_counts& from = counts_[p * sums.size() + c];
      sums[c].events += from.events;
      sums[c].near += from.near;
      sums[c].ring += from.ring;
    }
  }
  return sums;
}

dead_area pair_statistics::measure(const neighbourhood& around) const {
  const estimate all = estimated(without(parts), classes_, around);
  dead_area found;
  found.area = all.area;
  found.split = all.split;
  found.local_rate = all.local_rate;
  found.events = static_cast<std::uint64_t>(all.events);
  double area_squares = 0;
  double split_squares = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const estimate others = estimated(without(part), classes_, around);
    area_squares += std::pow(others.area - all.area, 2);
    split_squares += std::pow(others.split - all.split, 2);
  }
  const double share = (parts - 1.0) / parts;
  found.error = std::sqrt(share * area_squares);
  found.split_error = std::sqrt(share * split_squares);
  found.is_found = found.area > 0 && found.error < found.area / 3;
  return found;
}

}  // namespace countem::analysis
