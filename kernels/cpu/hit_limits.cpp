#include "kernels/cpu/hit_limits.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

#include "kernels/cpu/frame_charges.hpp"
#include "kernels/cpu/pixel_charge.hpp"

namespace countem::cpu {

namespace {

/// Raw values in ascending order as consecutive integers ("ranks"), so that one search serves all pixel types. Floats take part
/// from -infinity to +infinity.
template <class Pixel>
struct raw_order {
  static constexpr std::int64_t lowest = 0;
  static constexpr std::int64_t highest = std::numeric_limits<Pixel>::max();
  static Pixel value(std::int64_t rank) { return static_cast<Pixel>(rank); }
};

template <>
struct raw_order<float> {
  // Bit patterns of non-negative floats ascend with the value; negative ones mirror them.
  static constexpr std::int64_t highest = 0x7f80'0000;
  static constexpr std::int64_t lowest = -highest;
  static float value(std::int64_t rank) {
    const float magnitude = std::bit_cast<float>(static_cast<std::uint32_t>(rank < 0 ? -rank : rank));
    return rank < 0 ? -magnitude : magnitude;
  }
};

/// The largest raw value that is not a hit; nothing where every raw value is one.
template <class Pixel>
std::optional<Pixel> largest_quiet_value(const pixel_charge& charge, std::size_t pixel, std::int32_t background16) {
  using order = raw_order<Pixel>;
  const auto quiet = [&](std::int64_t rank) { return charge(order::value(rank), pixel) <= background16; };
  if (!quiet(order::lowest)) return std::nullopt;
  std::int64_t low = order::lowest;    // quiet
  std::int64_t high = order::highest;  // ranks above it are not there
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    if (quiet(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return order::value(low);
}

template <class Pixel>
constexpr Pixel never() {
  if constexpr (std::is_integral_v<Pixel>) return std::numeric_limits<Pixel>::max();
  return static_cast<Pixel>(std::numeric_limits<float>::infinity());
}

}  // namespace

template <class Pixel>
hit_limits<Pixel> find_hit_limits(const counting_setup& setup) {
  const calibration& calibrated = setup.calibrated;
  const pixel_charge charge(calibrated);
  hit_limits<Pixel> limits;
  const bool uniform =
      calibrated.dark16.empty() && calibrated.gain.empty() && calibrated.mask.empty() && calibrated.pixel_background16.empty();
  if (uniform) {
    // Without a dark, raw = 0 has charge 0, which is never above a background threshold.
    limits.everywhere = *largest_quiet_value<Pixel>(charge, 0, calibrated.background16);
    return limits;
  }
  limits.per_pixel.resize(setup.shape.pixels());
  for (std::uint32_t y = 0; y < setup.shape.height; ++y) {
    for (std::uint32_t x = 0; x < setup.shape.width; ++x) {
      const std::size_t p = std::size_t{y} * setup.shape.width + x;
      if (!can_be_hit(calibrated, p)) {
        limits.per_pixel[p] = never<Pixel>();
        continue;
      }
      const std::int32_t background16 =
          calibrated.pixel_background16.empty() ? calibrated.background16 : calibrated.pixel_background16[p];
      const std::optional<Pixel> limit = largest_quiet_value<Pixel>(charge, p, background16);
      limits.per_pixel[p] = limit.value_or(Pixel{});
      if (!limit) {
        if (limits.always.empty()) limits.always = hit_bits(setup.shape);
        limits.always.set(y, x);
      }
    }
  }
  return limits;
}

template <class Pixel>
std::optional<charges_at_limit> find_charges_at_limit(const counting_setup& setup, const hit_limits<Pixel>& limits) {
  const calibration& calibrated = setup.calibrated;
  if (!charges_are_small<Pixel>(calibrated) || limits.per_pixel.empty() || !limits.always.empty()) return std::nullopt;
  const pixel_charge charge_of(calibrated);
  const auto charge = [&](std::size_t p) { return charge_of(limits.per_pixel[p], p); };
  const auto hit_free = [&](std::size_t p) { return limits.per_pixel[p] == never<Pixel>(); };
  std::int32_t lowest = charge_limit;
  std::int32_t highest = -charge_limit;
  for (std::size_t p = 0; p < limits.per_pixel.size(); ++p) {
    if (hit_free(p)) continue;
    lowest = std::min(lowest, charge(p));
    highest = std::max(highest, charge(p));
  }
  if (highest - lowest > std::numeric_limits<std::uint8_t>::max()) return std::nullopt;
  charges_at_limit found{lowest, std::vector<std::uint8_t>(limits.per_pixel.size())};
  for (std::size_t p = 0; p < limits.per_pixel.size(); ++p) {
    if (!hit_free(p)) found.above_lowest[p] = static_cast<std::uint8_t>(charge(p) - lowest);
  }
  return found;
}

template std::optional<charges_at_limit> find_charges_at_limit(const counting_setup&, const hit_limits<std::uint8_t>&);
template std::optional<charges_at_limit> find_charges_at_limit(const counting_setup&, const hit_limits<std::uint16_t>&);
template std::optional<charges_at_limit> find_charges_at_limit(const counting_setup&, const hit_limits<std::uint32_t>&);
template std::optional<charges_at_limit> find_charges_at_limit(const counting_setup&, const hit_limits<float>&);

template hit_limits<std::uint8_t> find_hit_limits(const counting_setup&);
template hit_limits<std::uint16_t> find_hit_limits(const counting_setup&);
template hit_limits<std::uint32_t> find_hit_limits(const counting_setup&);
template hit_limits<float> find_hit_limits(const counting_setup&);

}  // namespace countem::cpu
