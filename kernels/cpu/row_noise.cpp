#include "kernels/cpu/row_noise.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/row_noise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef COUNTEM_CPU_ROW_NOISE_TYPES
#define COUNTEM_CPU_ROW_NOISE_TYPES
namespace countem::cpu {

struct selected_charge {
  std::int32_t charge;
  std::int64_t up_to;  ///< how many are up to it
};

struct middle_charges {
  std::int32_t low;
  std::int32_t high;
};

}  // namespace countem::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using charge_tag = hn::ScalableTag<std::int16_t>;

std::int16_t narrow_charge(std::int32_t raw, std::int32_t dark16) {
  return static_cast<std::int16_t>(charge_units_per_adu * std::min(raw, narrow_calibration::brightest_raw) - dark16);
}

/// Charges of a half-row, and in `quiet` those of them that are not above the background; the largest number in place of
/// others, to whole vectors.
template <class Pixel>
HWY_INLINE quiet_sums load_charges(const narrow_pixels<Pixel>& from, std::int16_t* charges, std::int16_t* quiet) {
  constexpr std::int16_t loud = std::numeric_limits<std::int16_t>::max();
  const auto [raw, dark16, background, everywhere, count] = from;
  quiet_sums sums{0, 0};
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const charge_tag tag;
  const hn::RebindToUnsigned<charge_tag> raw_tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto brightest = hn::Set(raw_tag, static_cast<std::uint16_t>(narrow_calibration::brightest_raw));
  const auto one = hn::Set(tag, std::int16_t{1});
  auto sum = hn::Zero(sum_tag);
  auto other_sum = hn::Zero(sum_tag);
  for (; i + lanes <= count; i += lanes) {
    const auto wide = [&, at = raw + i] {
      if constexpr (sizeof(Pixel) == 1) {
        return hn::PromoteTo(raw_tag, hn::LoadU(hn::Rebind<std::uint8_t, charge_tag>(), at));
      } else {
        return hn::LoadU(raw_tag, at);
      }
    }();
    auto charge = hn::BitCast(tag, hn::ShiftLeft<4>(hn::Min(wide, brightest)));
    if (dark16 != nullptr) charge = hn::Sub(charge, hn::LoadU(tag, dark16 + i));
    hn::StoreU(charge, tag, charges + i);
    const auto limit = background == nullptr ? hn::Set(tag, everywhere) : hn::LoadU(tag, background + i);
    const auto is_loud = hn::Gt(charge, limit);
    hn::StoreU(hn::IfThenElse(is_loud, hn::Set(tag, loud), charge), tag, quiet + i);
    sums.count += static_cast<std::int64_t>(lanes - hn::CountTrue(tag, is_loud));
    // Products with 1, added in pairs: half-rows are short enough for 32 bits.
    sum = hn::ReorderWidenMulAccumulate(sum_tag, hn::IfThenZeroElse(is_loud, charge), one, sum, other_sum);
  }
  sums.sum = hn::GetLane(hn::SumOfLanes(sum_tag, hn::Add(sum, other_sum)));
  std::fill_n(quiet + count, lanes, loud);
#endif
  for (; i < count; ++i) {
    charges[i] = narrow_charge(raw[i], dark16 == nullptr ? 0 : dark16[i]);
    const bool is_quiet = charges[i] <= (background == nullptr ? everywhere : background[i]);
    quiet[i] = is_quiet ? charges[i] : loud;
    sums.count += is_quiet ? 1 : 0;
    sums.sum += is_quiet ? charges[i] : 0;
  }
  return sums;
}

quiet_sums load_charges_u8(const narrow_pixels<std::uint8_t>& from, std::int16_t* charges, std::int16_t* quiet) {
  return load_charges(from, charges, quiet);
}
quiet_sums load_charges_u16(const narrow_pixels<std::uint16_t>& from, std::int16_t* charges, std::int16_t* quiet) {
  return load_charges(from, charges, quiet);
}

/// How many quiet charges are at most `limit`, which is below the largest number.
std::int64_t count_up_to(const std::int16_t* quiet, std::size_t count, std::int16_t limit) {
#if HWY_TARGET == HWY_SCALAR
  return std::count_if(quiet, quiet + count, [&](std::int16_t charge) { return charge <= limit; });
#else
  const charge_tag tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto too_high = hn::Set(tag, static_cast<std::int16_t>(limit + 1));
  auto found = hn::Zero(tag);  // minus one for each; a lane sees fewer than 2^15
  for (std::size_t i = 0; i < count; i += lanes)
    found = hn::Add(found, hn::VecFromMask(tag, hn::Lt(hn::LoadU(tag, quiet + i), too_high)));
  auto rest = hn::Zero(sum_tag);
  const auto pairs = hn::ReorderWidenMulAccumulate(sum_tag, found, hn::Set(tag, std::int16_t{-1}), hn::Zero(sum_tag), rest);
  return hn::GetLane(hn::SumOfLanes(sum_tag, hn::Add(pairs, rest)));
#endif
}

/// The smallest quiet charge above `limit`.
std::int16_t next_above(const std::int16_t* quiet, std::size_t count, std::int16_t limit) {
  constexpr std::int16_t loud = std::numeric_limits<std::int16_t>::max();
#if HWY_TARGET == HWY_SCALAR
  std::int16_t next = loud;
  for (std::size_t i = 0; i < count; ++i) next = quiet[i] > limit ? std::min(next, quiet[i]) : next;
  return next;
#else
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto lowest = hn::Set(tag, limit);
  const auto highest = hn::Set(tag, loud);
  auto next = highest;
  for (std::size_t i = 0; i < count; i += lanes) {
    const auto charge = hn::LoadU(tag, quiet + i);
    next = hn::Min(next, hn::IfThenElse(hn::Gt(charge, lowest), charge, highest));
  }
  return hn::GetLane(hn::MinOfLanes(tag, next));
#endif
}

/// The quiet charge that has `rank` smaller or equal ones before it in ascending order, found by counting: steps as long as the
/// density of charges suggests, where it is at first that of the half-row before.
selected_charge select(const std::int16_t* quiet, std::size_t count, std::int64_t rank, median_guess& guess) {
  std::int32_t below = std::numeric_limits<std::int16_t>::min();  // at most `rank` charges are up to it
  std::int32_t enough = std::numeric_limits<std::int16_t>::max() - 1;
  std::int64_t count_below = -1;  // not known yet
  std::int64_t count_enough = -1;
  std::int32_t next = guess.charge;
  float stretch = 1;
  for (int round = 1; enough - below > 1; ++round) {
    // A halving now and then bounds the rounds whatever the distribution.
    if (round % 4 == 0) next = below + (enough - below) / 2;
    const std::int32_t tried = std::clamp(next, below + 1, enough - 1);
    const std::int64_t up_to = count_up_to(quiet, count, static_cast<std::int16_t>(tried));
    if (up_to > rank) {
      enough = tried;
      count_enough = up_to;
    } else {
      below = tried;
      count_below = up_to;
    }
    if (count_below >= 0 && count_enough >= 0) {
      guess.spacing = static_cast<float>(enough - below) / static_cast<float>(count_enough - count_below);
      next = below + static_cast<std::int32_t>(guess.spacing * (static_cast<float>(rank - count_below) + 0.5F));
    } else {
      // Somewhat further than the density says, so that the other side is reached.
      const float ranks = static_cast<float>(std::abs(rank - up_to)) + 2;
      const std::int32_t step = 1 + static_cast<std::int32_t>(std::min(stretch * guess.spacing * ranks, 8192.0F));
      next = tried + (count_enough >= 0 ? -step : step);
      stretch *= 4;
    }
  }
  guess.charge = enough;
  return {enough, count_enough};
}

/// Elements (n - 1) / 2 and n / 2 of the n quiet charges in ascending order.
middle_charges find_middle(const std::int16_t* quiet, std::size_t count, std::int64_t number, median_guess& guess) {
  const auto [low, up_to_low] = select(quiet, count, (number - 1) / 2, guess);
  if (number % 2 == 1 || up_to_low > number / 2) return {low, low};
  return {low, next_above(quiet, count, static_cast<std::int16_t>(low))};
}

void subtract_noise(const std::int16_t* charges, std::int16_t noise, std::size_t count, std::uint16_t* out) {
  constexpr std::int32_t offset = 0x8000;
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  const charge_tag tag;
  const hn::RebindToUnsigned<charge_tag> out_tag;
  const auto flip = hn::Set(out_tag, static_cast<std::uint16_t>(offset));
  for (; i + hn::Lanes(tag) <= count; i += hn::Lanes(tag)) {
    const auto denoised = hn::SaturatedSub(hn::LoadU(tag, charges + i), hn::Set(tag, noise));
    hn::StoreU(hn::Xor(hn::BitCast(out_tag, denoised), flip), out_tag, out + i);
  }
#endif
  for (; i < count; ++i) {
    const std::int32_t denoised = std::clamp<std::int32_t>(charges[i] - noise, -offset, offset - 1);
    out[i] = static_cast<std::uint16_t>(denoised + offset);
  }
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(load_charges_u8);
HWY_EXPORT(load_charges_u16);
HWY_EXPORT(find_middle);
HWY_EXPORT(subtract_noise);

namespace {

std::int64_t floor_divide(std::int64_t numerator, std::int64_t positive_denominator) {
  const std::int64_t quotient = numerator / positive_denominator;
  return quotient * positive_denominator > numerator ? quotient - 1 : quotient;
}

std::int32_t rounded_mean(std::int64_t sum, std::int64_t number) {
  return static_cast<std::int32_t>(floor_divide(2 * sum + number, 2 * number));
}

std::int32_t rounded_middle(std::int64_t low, std::int64_t high) {
  return static_cast<std::int32_t>(floor_divide(low + high + 1, 2));
}

std::int32_t mean(std::span<const std::int32_t> quiet) {
  std::int64_t sum = 0;
  for (const std::int32_t charge : quiet) sum += charge;
  return rounded_mean(sum, static_cast<std::int64_t>(quiet.size()));
}

std::int32_t median(std::span<std::int32_t> quiet) {
  const auto upper = quiet.begin() + static_cast<std::ptrdiff_t>(quiet.size() / 2);
  std::nth_element(quiet.begin(), upper, quiet.end());
  const std::int64_t high = *upper;
  const std::int64_t low = quiet.size() % 2 == 1 ? high : *std::max_element(quiet.begin(), upper);
  return rounded_middle(low, high);
}

}  // namespace

std::int32_t row_statistic(row_noise_method method, std::span<std::int32_t> quiet) {
  if (quiet.empty()) return 0;
  return method == row_noise_method::mean ? mean(quiet) : median(quiet);
}

std::optional<narrow_calibration> find_narrow_calibration(const counting_setup& setup) {
  const calibration& given = setup.calibrated;
  const bool narrow_pixels = setup.type == pixel_type::u8 || setup.type == pixel_type::u16;
  // Sums of a half-row stay within 32 bits, counts of a vector lane within 16.
  constexpr std::uint32_t widest = 1U << 15;
  if (!narrow_pixels || !given.gain.empty() || setup.shape.width > widest) return std::nullopt;
  const auto highest = [](const std::vector<std::int32_t>& plane, std::int32_t otherwise) {
    return plane.empty() ? otherwise : *std::max_element(plane.begin(), plane.end());
  };
  const bool negative_dark = std::any_of(given.dark16.begin(), given.dark16.end(), [](std::int32_t dark) { return dark < 0; });
  const std::int64_t dark = highest(given.dark16, 0);
  const std::int64_t background = highest(given.pixel_background16, given.background16);
  // The noise of a half-row is at most its background: the cut raw value is a hit even then.
  const std::int64_t cut = std::int64_t{charge_units_per_adu} * narrow_calibration::brightest_raw;
  if (negative_dark || dark + 2 * background >= cut) return std::nullopt;

  narrow_calibration narrow;
  narrow.dark16.assign(given.dark16.begin(), given.dark16.end());
  narrow.background.assign(given.pixel_background16.begin(), given.pixel_background16.end());
  narrow.background_everywhere = static_cast<std::int16_t>(given.background16);
  if (given.mask.empty()) return narrow;
  narrow.masked.resize(setup.shape.height);
  for (std::size_t p = 0; p < given.mask.size(); ++p) {
    if (given.mask[p] != 0) narrow.masked[p / setup.shape.width].push_back(static_cast<std::uint32_t>(p % setup.shape.width));
  }
  return narrow;
}

namespace {
/// Vectors are read and written whole, and may be this many numbers long.
constexpr std::size_t widest_vector = 128;
}  // namespace

narrow_half_row::narrow_half_row(std::size_t longest) : charges_(longest + widest_vector), quiet_(longest + widest_vector) {}

void narrow_half_row::load(const narrow_pixels<std::uint8_t>& from) {
  count_ = from.count;
  sums_ = HWY_DYNAMIC_DISPATCH(load_charges_u8)(from, charges_.data(), quiet_.data());
}

void narrow_half_row::load(const narrow_pixels<std::uint16_t>& from) {
  count_ = from.count;
  sums_ = HWY_DYNAMIC_DISPATCH(load_charges_u16)(from, charges_.data(), quiet_.data());
}

void narrow_half_row::set_missing(std::size_t pixel) {
  constexpr std::int16_t loud = std::numeric_limits<std::int16_t>::max();
  if (quiet_[pixel] != loud) {
    --sums_.count;
    sums_.sum -= quiet_[pixel];
    quiet_[pixel] = loud;
  }
  charges_[pixel] = narrow_calibration::missing;
}

std::int32_t narrow_half_row::noise(row_noise_method method) {
  if (sums_.count == 0) return 0;
  if (method == row_noise_method::mean) return rounded_mean(sums_.sum, sums_.count);
  const auto [low, high] = HWY_DYNAMIC_DISPATCH(find_middle)(quiet_.data(), count_, sums_.count, guess_);
  return rounded_middle(low, high);
}

void narrow_half_row::store_denoised(std::int32_t noise, std::uint16_t* out) const {
  HWY_DYNAMIC_DISPATCH(subtract_noise)(charges_.data(), static_cast<std::int16_t>(noise), count_, out);
}

}  // namespace countem::cpu
#endif
