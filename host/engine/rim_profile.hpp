#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

namespace countem {

/// How much of a square pixel lies on one side of a straight, blurred rim, and how that changes.
struct rim_coverage {
  double share = 0;     ///< of the pixel, 0 to 1
  double by_place = 0;  ///< derivative by the distance of the pixel's centre from the rim
  double by_width = 0;  ///< derivative by the standard deviation of the blur
};

/// Of a pixel whose centre lies `distance` inside the rim (below 0: outside); (cosine, sine) is the rim's normal, `width` the
/// standard deviation of the blur. A square seen along the normal is a trapezium, the box of length |cosine| smeared by the box
/// of length |sine|, so that its share is the second difference of E max(0, distance + width Z)^2 / 2, Z of the normal
/// distribution.
inline rim_coverage cover(double distance, double cosine, double sine, double width) {
  constexpr double narrowest_box = 0.05;  // the second difference needs both boxes; its variance of 0.0002 is nothing
  constexpr double wide = 1.5;            // beside such a blur a square is as good as one of its second moment, 1 / 12
  if (width > wide) {
    const double all = std::sqrt(width * width + 1.0 / 12);
    const double z = distance / all;
    const double density = std::exp(-z * z / 2) * (1 / std::sqrt(2 * std::numbers::pi)) / all;
    return {0.5 * std::erfc(-z / std::numbers::sqrt2), density, -z * density * width / all};
  }
  const double a = std::max(narrowest_box, std::abs(cosine));
  const double b = std::max(narrowest_box, std::abs(sine));
  rim_coverage sum;
  const auto add = [&](double u, double sign) {
    const double z = u / width;
    const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    const double density = std::exp(-z * z / 2) * (1 / std::sqrt(2 * std::numbers::pi));
    sum.share += sign * 0.5 * ((u * u + width * width) * below + u * width * density);
    sum.by_place += sign * (u * below + width * density);
    sum.by_width += sign * width * below;
  };
  add(distance + (a + b) / 2, 1);
  add(distance + (a - b) / 2, -1);
  add(distance - (a - b) / 2, -1);
  add(distance - (a + b) / 2, 1);
  const double per_area = 1 / (a * b);
  return {sum.share * per_area, sum.by_place * per_area, sum.by_width * per_area};
}

/// Beyond this distance from the rim a pixel is covered wholly or not at all.
inline double rim_reach(double width) {
  return 0.75 + 4.5 * width;
}

}  // namespace countem
