#include "kernels/cpu/row_noise.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/row_noise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef COUNTEM_CPU_ROW_NOISE_TYPES
#define COUNTEM_CPU_ROW_NOISE_TYPES
namespace countem::cpu {

/// A search for the charge that has `rank` others before it in ascending order.
struct median_search {
  const std::int16_t* charges;
  std::size_t count;
  std::int64_t rank;
  std::int32_t next;     ///< what to try
  float spacing;         ///< between neighbouring charges
  std::int32_t lowest;   ///< at most `rank` charges are up to it
  std::int32_t highest;  ///< more are
  std::int64_t up_to_found;
  std::int32_t below = lowest;   ///< at most `rank` are up to it
  std::int32_t found = highest;  ///< `up_to_found` are, more than `rank`: the result when it is `below` + 1
  std::int32_t first_tried = 0;
  std::int64_t up_to_first = 0;

  [[nodiscard]] bool done() const { return found - below <= 1; }
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

/// Charges of a half-row, and with a background for each pixel in `quiet` those of them that are not above it; the largest
/// number in place of others and behind the last, to whole vectors.
template <bool PerPixel, class Pixel>
HWY_INLINE quiet_sums load_charges_of(const narrow_pixels<Pixel>& from, std::int16_t* charges, std::int16_t* quiet) {
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
  auto loud_ones = hn::Zero(tag);  // minus one for each; a lane sees fewer than 2^15
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
    const auto limit = PerPixel ? hn::LoadU(tag, background + i) : hn::Set(tag, everywhere);
    const auto is_loud = hn::Gt(charge, limit);
    if constexpr (PerPixel) hn::StoreU(hn::IfThenElse(is_loud, hn::Set(tag, loud), charge), tag, quiet + i);
    loud_ones = hn::Add(loud_ones, hn::VecFromMask(tag, is_loud));
    // Products with 1, added in pairs: half-rows are short enough for 32 bits.
    sum = hn::ReorderWidenMulAccumulate(sum_tag, hn::IfThenZeroElse(is_loud, charge), one, sum, other_sum);
  }
  sums.sum = hn::GetLane(hn::SumOfLanes(sum_tag, hn::Add(sum, other_sum)));
  auto rest = hn::Zero(sum_tag);
  const auto pairs = hn::ReorderWidenMulAccumulate(sum_tag, loud_ones, one, hn::Zero(sum_tag), rest);
  sums.count = static_cast<std::int64_t>(i) + hn::GetLane(hn::SumOfLanes(sum_tag, hn::Add(pairs, rest)));
  std::fill_n(charges + count, lanes, loud);
  if constexpr (PerPixel) std::fill_n(quiet + count, lanes, loud);
#endif
  for (; i < count; ++i) {
    charges[i] = narrow_charge(raw[i], dark16 == nullptr ? 0 : dark16[i]);
    const bool is_quiet = charges[i] <= (PerPixel ? background[i] : everywhere);
    if constexpr (PerPixel) quiet[i] = is_quiet ? charges[i] : loud;
    sums.count += is_quiet ? 1 : 0;
    sums.sum += is_quiet ? charges[i] : 0;
  }
  return sums;
}

template <class Pixel>
quiet_sums load_charges(const narrow_pixels<Pixel>& from, std::int16_t* charges, std::int16_t* quiet) {
  return from.background != nullptr ? load_charges_of<true>(from, charges, quiet)
                                    : load_charges_of<false>(from, charges, quiet);
}

quiet_sums load_charges_u8(const narrow_pixels<std::uint8_t>& from, std::int16_t* charges, std::int16_t* quiet) {
  return load_charges(from, charges, quiet);
}
quiet_sums load_charges_u16(const narrow_pixels<std::uint16_t>& from, std::int16_t* charges, std::int16_t* quiet) {
  return load_charges(from, charges, quiet);
}

/// How many charges are at most `limit`, which is below the largest number.
HWY_INLINE std::int64_t count_up_to(const std::int16_t* quiet, std::size_t count, std::int16_t limit) {
#if HWY_TARGET == HWY_SCALAR
  return std::count_if(quiet, quiet + count, [&](std::int16_t charge) { return charge <= limit; });
#else
  const charge_tag tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto too_high = hn::Set(tag, static_cast<std::int16_t>(limit + 1));
  // Minus one for each; a lane sees fewer than 2^15.
  const auto found_at = [&](std::size_t i) { return hn::VecFromMask(tag, hn::Lt(hn::LoadU(tag, quiet + i), too_high)); };
  auto even = hn::Zero(tag);
  auto odd = hn::Zero(tag);
  std::size_t i = 0;
  for (; i + lanes < count; i += 2 * lanes) {
    even = hn::Add(even, found_at(i));
    odd = hn::Add(odd, found_at(i + lanes));
  }
  if (i < count) even = hn::Add(even, found_at(i));
  auto rest = hn::Zero(sum_tag);
  const auto pairs =
      hn::ReorderWidenMulAccumulate(sum_tag, hn::Add(even, odd), hn::Set(tag, std::int16_t{-1}), hn::Zero(sum_tag), rest);
  return hn::GetLane(hn::SumOfLanes(sum_tag, hn::Add(pairs, rest)));
#endif
}

/// The smallest charge above `limit`.
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

/// Works on all searches in turn: while one waits for its count, others are counted. Steps are as long as the density of
/// charges suggests, and longer from the fifth on. Without a branch on what was counted, since it cannot be predicted.
void search_medians(std::span<median_search> searches) {
  bool all_done = false;
  std::int32_t stretch = 1;
  for (int round = 1; !all_done; ++round) {
    all_done = true;
    for (median_search& search : searches) {
      if (search.done()) continue;
      // A halving now and then bounds the rounds whatever the distribution.
      const bool halve = round % 4 == 0 && search.below != search.lowest && search.found != search.highest;
      const std::int32_t wanted = halve ? search.below + (search.found - search.below) / 2 : search.next;
      const std::int32_t tried = std::clamp(wanted, search.below + 1, search.found - 1);
      const std::int64_t up_to = count_up_to(search.charges, search.count, static_cast<std::int16_t>(tried));
      if (round == 1) {
        search.first_tried = tried;
        search.up_to_first = up_to;
      }
      const bool enough = up_to > search.rank;
      const std::int32_t mask = enough ? -1 : 0;
      search.found = (tried & mask) | (search.found & ~mask);
      search.below = (search.below & mask) | (tried & ~mask);
      search.up_to_found = enough ? up_to : search.up_to_found;
      // Half a charge further than the density says, so that the other side is reached.
      const float ranks = static_cast<float>(stretch) * std::abs(static_cast<float>(search.rank - up_to) + 0.5F);
      const auto step = static_cast<std::int32_t>(std::min(search.spacing * ranks, 16384.0F));
      search.next = tried + std::max(step, stretch) * (1 + 2 * mask);
      all_done &= search.done();
    }
    if (round >= 4) stretch = std::min(2 * stretch, 1 << 14);
  }
}

/// Sets bit i of `words` where charges[i] > limit, or > limits[i] + noise where there are limits; bits to the end of the last
/// word are 0.
void find_above(const std::int16_t* charges, const std::int16_t* limits, std::int16_t limit_or_noise, std::size_t count,
                std::uint64_t* words) {
  std::size_t i = 0;
  words[(count - 1) / 64] = 0;
#if HWY_TARGET != HWY_SCALAR
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto common = hn::Set(tag, limit_or_noise);
  if (lanes >= 8) {
    auto* const bytes = reinterpret_cast<std::uint8_t*>(words);
    for (; i + lanes <= count; i += lanes) {
      const auto limit = limits == nullptr ? common : hn::Add(hn::LoadU(tag, limits + i), common);
      hn::StoreMaskBits(tag, hn::Gt(hn::LoadU(tag, charges + i), limit), bytes + i / 8);
    }
  }
#endif
  for (; i < count; ++i) {
    if (i % 64 == 0) words[i / 64] = 0;
    const std::int32_t limit = limit_or_noise + (limits == nullptr ? 0 : limits[i]);
    words[i / 64] |= std::uint64_t{charges[i] > limit} << (i % 64);
  }
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(load_charges_u8);
HWY_EXPORT(load_charges_u16);
HWY_EXPORT(search_medians);
HWY_EXPORT(next_above);
HWY_EXPORT(find_above);

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

narrow_half_row::narrow_half_row(std::size_t longest, bool per_pixel)
    : charges_(longest + widest_vector), quiet_(per_pixel ? longest + widest_vector : 0), hits_(longest / 64 + 1) {}

template <class Pixel>
void narrow_half_row::begin(const narrow_pixels<Pixel>& from) {
  count_ = from.count;
  missing_ = 0;
  background_ = from.background;
  background_everywhere_ = from.everywhere;
}

void narrow_half_row::load(const narrow_pixels<std::uint8_t>& from) {
  begin(from);
  sums_ = HWY_DYNAMIC_DISPATCH(load_charges_u8)(from, charges_.data(), quiet_.data());
}

void narrow_half_row::load(const narrow_pixels<std::uint16_t>& from) {
  begin(from);
  sums_ = HWY_DYNAMIC_DISPATCH(load_charges_u16)(from, charges_.data(), quiet_.data());
}

void narrow_half_row::set_missing(std::size_t pixel) {
  std::int16_t& charge = charges_[pixel];
  if (charge == narrow_calibration::missing) return;
  if (charge <= (background_ == nullptr ? background_everywhere_ : background_[pixel])) {
    --sums_.count;
    sums_.sum -= charge;
  }
  charge = narrow_calibration::missing;
  ++missing_;
  if (background_ != nullptr) quiet_[pixel] = narrow_calibration::missing;
}

void narrow_half_row::find_noise(row_noise_method method, std::span<narrow_half_row> rows) {
  constexpr std::size_t at_once = 8;
  for (; rows.size() > at_once; rows = rows.subspan(at_once)) find_noise(method, rows.first(at_once));
  std::array<median_search, at_once> searches;
  std::array<narrow_half_row*, at_once> searching{};
  std::size_t number = 0;
  for (narrow_half_row& row : rows) {
    row.noise_ = 0;
    const auto [count, sum] = row.sums_;
    if (count == 0) continue;
    if (method == row_noise_method::mean) {
      row.noise_ = rounded_mean(sum, count);
      continue;
    }
    const float mean = static_cast<float>(sum) / static_cast<float>(count);
    const std::int16_t* charges = row.background_ == nullptr ? row.charges_.data() : row.quiet_.data();
    // Missing ones come first in the order, all quiet ones are up to the background; the largest number is nobody's charge.
    const std::int32_t highest =
        row.background_ == nullptr ? row.background_everywhere_ : std::numeric_limits<std::int16_t>::max() - 1;
    searches[number] = {charges,
                        row.count_,
                        row.missing_ + (count - 1) / 2,
                        static_cast<std::int32_t>(std::lround(mean + row.guess_.above_mean)),
                        row.guess_.spacing,
                        narrow_calibration::missing,
                        highest,
                        row.missing_ + count};
    searching[number++] = &row;
  }
  HWY_DYNAMIC_DISPATCH(search_medians)(std::span(searches).first(number));
  for (std::size_t i = 0; i < number; ++i) searching[i]->end(searches[i]);
}

void narrow_half_row::end(const median_search& search) {
  const std::int32_t low = search.found;
  const std::int64_t upper_rank = missing_ + sums_.count / 2;
  const bool same = search.up_to_found > upper_rank;
  const std::int32_t high =
      same ? low : HWY_DYNAMIC_DISPATCH(next_above)(search.charges, count_, static_cast<std::int16_t>(low));
  noise_ = rounded_middle(low, high);
  guess_.above_mean = static_cast<float>(low) - static_cast<float>(sums_.sum) / static_cast<float>(sums_.count);
  const auto ranks = static_cast<float>(std::abs(search.up_to_found - search.up_to_first));
  const auto distance = static_cast<float>(std::abs(search.found - search.first_tried));
  // Half of it is the new, because few charges tell it; far from it or right there it tells nothing.
  if (ranks >= 4 && distance >= 1) guess_.spacing = std::clamp((guess_.spacing + distance / ranks) / 2, 1.0F / 64, 64.0F);
}

void narrow_half_row::set_hits(std::uint64_t* row, std::size_t first) {
  if (count_ == 0) return;
  const bool everywhere = background_ == nullptr;
  HWY_DYNAMIC_DISPATCH(find_above)
  (charges_.data(), background_, static_cast<std::int16_t>(everywhere ? background_everywhere_ + noise_ : noise_), count_,
   hits_.data());
  const std::size_t shift = first % 64;
  std::uint64_t* to = row + first / 64;
  const std::size_t words = (count_ + 63) / 64;
  for (std::size_t w = 0; w < words; ++w) {
    to[w] |= hits_[w] << shift;
    // Bits beyond the width stay 0, so where there is no next word there is nothing to carry.
    if (const std::uint64_t carried = shift == 0 ? 0 : hits_[w] >> (64 - shift); carried != 0) to[w + 1] |= carried;
  }
}

}  // namespace countem::cpu
#endif
