#include <countem/hit_limits.hpp>

#include <algorithm>
#include <bit>

#include <countem/pixel_charge.hpp>

namespace countem {

namespace {

/// Raw values in ascending order as consecutive integers ("ranks"), so that one search serves all pixel types.
template <class Pixel>
struct raw_order {
  static constexpr std::int64_t lowest = 0;
  static constexpr std::int64_t highest =
      std::min<std::int64_t>(std::numeric_limits<Pixel>::max(), hit_limits<Pixel>::highest_limit);
  static Pixel value(std::int64_t rank) { return static_cast<Pixel>(rank); }
};

/// Floats from -infinity to +infinity: bit patterns of non-negative floats ascend with the value; negative ones mirror them.
template <>
struct raw_order<float> {
  static constexpr std::int64_t highest = 0x7f80'0000;
  static constexpr std::int64_t lowest = -highest;
  static float value(std::int64_t rank) {
    const float magnitude = std::bit_cast<float>(static_cast<std::uint32_t>(rank < 0 ? -rank : rank));
    return rank < 0 ? -magnitude : magnitude;
  }
};

/// The least raw value of a charge above the background, by bisection.
template <class Pixel>
auto search_limit(const pixel_charge& charge, std::size_t pixel, std::int32_t background16) {
  using order = raw_order<Pixel>;
  const auto is_hit = [&](std::int64_t rank) { return charge(order::value(rank), pixel) > background16; };
  if (!is_hit(order::highest)) return hit_limits<Pixel>::never;
  std::int64_t low = order::lowest;
  std::int64_t high = order::highest;  // a hit
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (is_hit(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return static_cast<typename hit_limits<Pixel>::limit>(order::value(high));
}

/// The same where limits_are_quotients: the least raw with 16 * raw - dark16 > background16.
template <class Pixel>
std::uint32_t divide_for_limit(std::int32_t dark16, std::int32_t background16) {
  if (background16 >= charge_limit) return hit_limits<Pixel>::never;  // no charge is above it
  const std::int64_t quiet = std::int64_t{dark16} + background16;     // of 16 * raw, the largest that is no hit
  if (quiet < 0) return 0;
  const std::int64_t limit = quiet / charge_units_per_adu + 1;
  return limit > std::numeric_limits<Pixel>::max() ? hit_limits<Pixel>::never : static_cast<std::uint32_t>(limit);
}

/// Method `counts`: the least raw value that rint makes 1.
template <class Pixel>
constexpr typename hit_limits<Pixel>::limit least_count() {
  return static_cast<typename hit_limits<Pixel>::limit>(std::is_integral_v<Pixel> ? 1.0F : 0x1.000002p-1F);
}

template <class Pixel>
auto limit_of(const counting_setup& setup, const pixel_charge& charge, std::size_t pixel) {
  const calibration& used = setup.calibrated;
  if (setup.options.method == counting_method::counts) return least_count<Pixel>();
  if constexpr (std::is_integral_v<Pixel>) {
    if (limits_are_quotients<Pixel>(used))
      return divide_for_limit<Pixel>(used.dark16.empty() ? 0 : used.dark16[pixel], background_of(used, pixel));
  }
  return search_limit<Pixel>(charge, pixel, background_of(used, pixel));
}

}  // namespace

bool has_one_limit(const calibration& used) {
  return used.dark16.empty() && used.gain.empty() && used.mask.empty() && used.pixel_background16.empty();
}

template <class Pixel>
hit_limits<Pixel> find_hit_limits(const counting_setup& setup) {
  const calibration& used = setup.calibrated;
  const pixel_charge charge(used);
  hit_limits<Pixel> limits;
  if (has_one_limit(used)) {
    limits.everywhere = limit_of<Pixel>(setup, charge, 0);
    return limits;
  }
  limits.per_pixel.resize(setup.shape.pixels());
  for (std::size_t p = 0; p < limits.per_pixel.size(); ++p) {
    limits.per_pixel[p] = can_have_charge(used, p) ? limit_of<Pixel>(setup, charge, p) : hit_limits<Pixel>::never;
  }
  return limits;
}

template hit_limits<std::uint8_t> find_hit_limits(const counting_setup&);
template hit_limits<std::uint16_t> find_hit_limits(const counting_setup&);
template hit_limits<std::uint32_t> find_hit_limits(const counting_setup&);
template hit_limits<float> find_hit_limits(const counting_setup&);

}  // namespace countem
