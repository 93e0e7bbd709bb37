#include "kernels/cpu/peak_judge.hpp"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/peak_judge.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

// Four charges of a row: the pixels left and right of a hit's column, its own, and one more that is not used. Charges of small
// pixels are moderate (gained_charges::moderate), so that scores fit 32 bits.
using charge_tag = hn::FixedTag<std::int32_t, 4>;
using charge_vector = hn::Vec<charge_tag>;

template <class Number>
HWY_INLINE charge_vector load_numbers(const Number* from) {
  return hn::PromoteTo(charge_tag(), hn::LoadU(hn::Rebind<Number, charge_tag>(), from));
}

template <class Pixel>
HWY_INLINE charge_vector load_charges(const raw_charges<Pixel>& charges, std::uint32_t row, std::uint32_t column) {
  return hn::ShiftLeft<4>(load_numbers(charges.rows[row] + column));
}

template <class Pixel>
HWY_INLINE charge_vector load_charges(const limit_charges<Pixel>& charges, std::uint32_t row, std::uint32_t column) {
  const std::size_t pixel = row * charges.width + column;
  const auto above_limit = hn::Sub(load_numbers(charges.rows[row] + column), load_numbers(charges.limits + pixel));
  const auto at_limit = hn::Add(load_numbers(charges.above_lowest + pixel), hn::Set(charge_tag(), charges.lowest));
  return hn::Add(hn::ShiftLeft<4>(above_limit), at_limit);
}

template <class Pixel>
HWY_INLINE charge_vector load_charges(const gained_charges<Pixel>& charges, std::uint32_t row, std::uint32_t column) {
  const charge_tag tag;
  const hn::RebindToFloat<charge_tag> float_tag;
  const auto* const pairs = reinterpret_cast<const std::int32_t*>(charges.gains + row * charges.width + column);
  auto gain = hn::Zero(tag);
  auto dark16 = hn::Zero(tag);
  hn::LoadInterleaved2(tag, pairs, gain, dark16);
  const auto charge = hn::Sub(hn::ShiftLeft<4>(load_numbers(charges.rows[row] + column)), dark16);
  return hn::NearestInt(hn::Mul(hn::ConvertTo(float_tag, charge), hn::BitCast(float_tag, gain)));
}

template <class Pixel>
HWY_INLINE charge_vector load_charges(const narrow_denoised_charges<Pixel>& charges, std::uint32_t row, std::uint32_t column) {
  const charge_tag tag;
  auto charge = hn::ShiftLeft<4>(load_numbers(charges.rows[row] + column));
  if (charges.dark16 != nullptr) charge = hn::Sub(charge, load_numbers(charges.dark16 + row * charges.width + column));
  const std::int32_t* const noise = charges.noise + std::size_t{row} * 2;
  const auto columns = hn::Iota(tag, static_cast<std::int32_t>(column));
  const auto in_left_half = hn::Lt(columns, hn::Set(tag, static_cast<std::int32_t>(charges.width / 2)));
  return hn::Sub(charge, hn::IfThenElse(in_left_half, hn::Set(tag, noise[0]), hn::Set(tag, noise[1])));
}

/// Writes every candidate and overwrites it by the next where it is not wanted, without a branch that data could mislead.
template <class Charges>
HWY_INLINE std::size_t judge(std::span<const peak_candidate> candidates, const Charges charges, const peak_limits limits,
                             fetch_ahead ahead, judged_peak* const kept) {
  const charge_tag tag;
  // A charge before the hit beats it if it is as great: one more, and all are compared alike.
  const auto one = hn::Set(tag, 1);
  alignas(16) static constexpr std::int32_t before_in_row[4] = {1, 0, 0, 0};
  const auto one_before = hn::Load(tag, before_in_row);
  const auto most_noise =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(limits.score16, 0, std::numeric_limits<std::int32_t>::max()));
  const std::size_t lines_each = candidates.empty() ? 0 : std::min<std::size_t>(ahead.lines_left() / candidates.size() + 1, 2);
  constexpr std::size_t fetched_before = 8;
  std::size_t count = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const peak_candidate& hit = candidates[i];
    const peak_candidate& later = candidates[std::min(i + fetched_before, candidates.size() - 1)];
    // Two rows each; addresses before the plane are harmless.
    charges.prefetch(later.row - 1, later.column);
    charges.prefetch(later.row + 1, later.column);
    ahead.fetch(lines_each);
    judged_peak& next = kept[count];
    next.row = hit.row;
    next.column = hit.column;
    next.judged = hit.plain;
    if (!hit.plain) {
      ++count;
      continue;
    }
    const auto above = load_charges(charges, hit.row - 1, hit.column - 1);
    const auto row = load_charges(charges, hit.row, hit.column - 1);
    const auto below = load_charges(charges, hit.row + 1, hit.column - 1);
    const auto middle = hn::Broadcast<1>(row);
    const auto others = hn::Max(hn::Max(hn::Add(above, one), hn::Add(row, one_before)), below);
    std::uint8_t beaten_by[8];
    hn::StoreMaskBits(tag, hn::Gt(others, middle), beaten_by);
    // Lanes 0 and 1 of `blocks`: the greater block left and right of the hit.
    const auto upper = hn::Add(above, row);
    const auto lower = hn::Add(row, below);
    const auto upper_blocks = hn::Add(upper, hn::ShiftRightLanes<1>(tag, upper));
    const auto lower_blocks = hn::Add(lower, hn::ShiftRightLanes<1>(tag, lower));
    const auto blocks = hn::Max(upper_blocks, lower_blocks);
    const auto greatest = hn::Max(blocks, hn::ShiftRightLanes<1>(tag, blocks));
    const std::int32_t charge = hn::GetLane(middle);
    const std::int32_t score = 2 * charge + hn::GetLane(greatest);
    next.charge = charge;
    const bool wanted = (score > most_noise) | (charge >= limits.xray16);
    count += static_cast<std::size_t>((beaten_by[0] & 7U) == 0) & static_cast<std::size_t>(wanted) &
             static_cast<std::size_t>(charge > 0);
  }
  return count;
}

#else

/// Without vectors each is asked by itself.
template <class Charges>
std::size_t judge(std::span<const peak_candidate> candidates, const Charges&, const peak_limits&, fetch_ahead,
                  judged_peak* kept) {
  for (const peak_candidate& hit : candidates) *kept++ = {hit.row, hit.column, 0, false};
  return candidates.size();
}

#endif

#define COUNTEM_JUDGE(name, charges_of)                                                                              \
  std::size_t name(std::span<const peak_candidate> candidates, const charges_of& charges, const peak_limits& limits, \
                   fetch_ahead ahead, judged_peak* kept) {                                                           \
    return judge(candidates, charges, limits, ahead, kept);                                                          \
  }
COUNTEM_JUDGE(judge_raw_u8, raw_charges<std::uint8_t>)
COUNTEM_JUDGE(judge_raw_u16, raw_charges<std::uint16_t>)
COUNTEM_JUDGE(judge_at_limit_u8, limit_charges<std::uint8_t>)
COUNTEM_JUDGE(judge_at_limit_u16, limit_charges<std::uint16_t>)
COUNTEM_JUDGE(judge_gained_u8, gained_charges<std::uint8_t>)
COUNTEM_JUDGE(judge_gained_u16, gained_charges<std::uint16_t>)
COUNTEM_JUDGE(judge_denoised_u8, narrow_denoised_charges<std::uint8_t>)
COUNTEM_JUDGE(judge_denoised_u16, narrow_denoised_charges<std::uint16_t>)
#undef COUNTEM_JUDGE

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(judge_raw_u8);
HWY_EXPORT(judge_raw_u16);
HWY_EXPORT(judge_at_limit_u8);
HWY_EXPORT(judge_at_limit_u16);
HWY_EXPORT(judge_gained_u8);
HWY_EXPORT(judge_gained_u16);
HWY_EXPORT(judge_denoised_u8);
HWY_EXPORT(judge_denoised_u16);

void keep_all(std::span<const peak_candidate> candidates, std::vector<judged_peak>& kept) {
  kept.clear();
  for (const peak_candidate& hit : candidates) kept.push_back({hit.row, hit.column, 0, false});
}

#define COUNTEM_JUDGE_PEAKS(charges_of, function, precondition)                                                      \
  void judge_peaks(std::span<const peak_candidate> candidates, const charges_of& charges, const peak_limits& limits, \
                   fetch_ahead ahead, std::vector<judged_peak>& kept) {                                              \
    if (!(precondition)) return keep_all(candidates, kept);                                                          \
    kept.resize(candidates.size() + 1);                                                                              \
    kept.resize(HWY_DYNAMIC_DISPATCH(function)(candidates, charges, limits, ahead, kept.data()));                    \
  }
COUNTEM_JUDGE_PEAKS(raw_charges<std::uint8_t>, judge_raw_u8, true)
COUNTEM_JUDGE_PEAKS(raw_charges<std::uint16_t>, judge_raw_u16, true)
COUNTEM_JUDGE_PEAKS(limit_charges<std::uint8_t>, judge_at_limit_u8, true)
COUNTEM_JUDGE_PEAKS(limit_charges<std::uint16_t>, judge_at_limit_u16, true)
COUNTEM_JUDGE_PEAKS(gained_charges<std::uint8_t>, judge_gained_u8, charges.moderate)
COUNTEM_JUDGE_PEAKS(gained_charges<std::uint16_t>, judge_gained_u16, charges.moderate)
COUNTEM_JUDGE_PEAKS(narrow_denoised_charges<std::uint8_t>, judge_denoised_u8, true)
COUNTEM_JUDGE_PEAKS(narrow_denoised_charges<std::uint16_t>, judge_denoised_u16, true)
#undef COUNTEM_JUDGE_PEAKS

}  // namespace countem::cpu
#endif
