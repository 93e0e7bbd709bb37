#include "kernels/cpu/peak_judge.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
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

/// The charges left of a hit, its own and right of it, for the row above, its own and the row below.
template <class Charges>
HWY_INLINE void load_nine(const Charges& charges, const peak_candidate& hit, charge_vector& above, charge_vector& row,
                          charge_vector& below) {
  above = load_charges(charges, hit.row - 1, hit.column - 1);
  row = load_charges(charges, hit.row, hit.column - 1);
  below = load_charges(charges, hit.row + 1, hit.column - 1);
}

/// Whether one of the first three lanes is set.
template <class Mask>
HWY_INLINE bool any_of_three(Mask mask) {
  std::uint8_t bits[8];
  hn::StoreMaskBits(charge_tag(), mask, bits);
  return (bits[0] & 7U) != 0;
}

/// Whether the candidate is to be kept; `charge` is its own.
template <class Charges>
HWY_INLINE bool keeps(const peak_rule& rule, const Charges& charges, const peak_candidate& hit, std::int32_t& charge) {
  const charge_tag tag;
  // A charge before the hit beats it if it is as great: one more, and all are compared alike.
  alignas(16) static constexpr std::int32_t before_in_row[4] = {1, 0, 0, 0};
  auto above = hn::Zero(tag);
  auto row = hn::Zero(tag);
  auto below = hn::Zero(tag);
  load_nine(charges, hit, above, row, below);
  const auto middle = hn::Broadcast<1>(row);
  const auto others = hn::Max(hn::Max(hn::Add(above, hn::Set(tag, 1)), hn::Add(row, hn::Load(tag, before_in_row))), below);
  const bool beaten = any_of_three(hn::Gt(others, middle));
  // Lanes 0 and 1 of `blocks`: the greater block left and right of the hit.
  const auto upper = hn::Add(above, row);
  const auto lower = hn::Add(row, below);
  const auto upper_blocks = hn::Add(upper, hn::ShiftRightLanes<1>(tag, upper));
  const auto lower_blocks = hn::Add(lower, hn::ShiftRightLanes<1>(tag, lower));
  const auto blocks = hn::Max(upper_blocks, lower_blocks);
  const auto greatest = hn::Max(blocks, hn::ShiftRightLanes<1>(tag, blocks));
  charge = hn::GetLane(middle);
  const std::int32_t score = 2 * charge + hn::GetLane(greatest);
  const auto most_noise =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(rule.score16, 0, std::numeric_limits<std::int32_t>::max()));
  const bool wanted = (score > most_noise) | (charge >= rule.xray16);
  return !beaten & wanted & (charge > 0);
}

/// The bits of three neighbouring pixels.
HWY_INLINE std::uint8_t three_bits(const std::uint64_t* row, std::uint32_t column) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, reinterpret_cast<const std::uint8_t*>(row) + column / 8, sizeof bits);
  return static_cast<std::uint8_t>((bits >> (column % 8)) & 7U);
}

template <class Charges>
HWY_INLINE bool keeps(const maximum_rule& rule, const Charges& charges, const peak_candidate& hit, std::int32_t& charge) {
  static_assert(std::endian::native == std::endian::little, "bytes of bit rows are read as columns in ascending order");
  const charge_tag tag;
  auto above = hn::Zero(tag);
  auto row = hn::Zero(tag);
  auto below = hn::Zero(tag);
  load_nine(charges, hit, above, row, below);
  const auto middle = hn::Broadcast<1>(row);
  const auto less = hn::Sub(middle, hn::Set(tag, 1));  // others that are as great beat it
  const auto xray = hn::Set(tag, rule.xray16);
  const std::uint64_t* const words = rule.hits.row(hit.row);
  const std::size_t stride = rule.hits.stride();
  const auto beaten_in = [&](charge_vector others, const std::uint64_t* of, std::uint8_t asked) {
    const auto bits = static_cast<std::uint8_t>(three_bits(of, hit.column - 1) & asked);
    return hn::And(hn::And(hn::Gt(others, less), hn::Lt(others, xray)), hn::LoadMaskBits(tag, &bits));
  };
  const auto beaten =
      hn::Or(hn::Or(beaten_in(above, words - stride, 7), beaten_in(row, words, 5)), beaten_in(below, words + stride, 7));
  charge = hn::GetLane(middle);
  return (hn::AllFalse(tag, beaten) & (charge > 0)) | (charge >= rule.xray16);
}

/// Writes every candidate and overwrites it by the next where it is not wanted, without a branch that data could mislead.
template <class Charges, class Rule>
HWY_INLINE std::size_t judge_all(std::span<const peak_candidate> candidates, const Charges charges, const Rule rule,
                                 fetch_ahead ahead, judged_peak* const kept) {
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
    count += !hit.plain || keeps(rule, charges, hit, next.charge) ? 1 : 0;
  }
  return count;
}

#else

/// Without vectors each is asked by itself.
template <class Charges, class Rule>
std::size_t judge_all(std::span<const peak_candidate> candidates, const Charges&, const Rule&, fetch_ahead, judged_peak* kept) {
  for (const peak_candidate& hit : candidates) *kept++ = {hit.row, hit.column, 0, false};
  return candidates.size();
}

#endif

// Each of charges and rules has a name, as Highway chooses functions by name.
#define COUNTEM_JUDGE(name, charges_of, rule_of)                                                               \
  std::size_t name(std::span<const peak_candidate> candidates, const charges_of& charges, const rule_of& rule, \
                   fetch_ahead ahead, judged_peak* kept) {                                                     \
    return judge_all(candidates, charges, rule, ahead, kept);                                                  \
  }
#define COUNTEM_JUDGE_EACH(charges, pixel, name)                    \
  COUNTEM_JUDGE(judge_peaks_##name, charges<std::pixel>, peak_rule) \
  COUNTEM_JUDGE(judge_maxima_##name, charges<std::pixel>, maximum_rule)
COUNTEM_JUDGE_EACH(raw_charges, uint8_t, raw_u8)
COUNTEM_JUDGE_EACH(raw_charges, uint16_t, raw_u16)
COUNTEM_JUDGE_EACH(limit_charges, uint8_t, at_limit_u8)
COUNTEM_JUDGE_EACH(limit_charges, uint16_t, at_limit_u16)
COUNTEM_JUDGE_EACH(gained_charges, uint8_t, gained_u8)
COUNTEM_JUDGE_EACH(gained_charges, uint16_t, gained_u16)
COUNTEM_JUDGE_EACH(narrow_denoised_charges, uint8_t, denoised_u8)
COUNTEM_JUDGE_EACH(narrow_denoised_charges, uint16_t, denoised_u16)
#undef COUNTEM_JUDGE_EACH
#undef COUNTEM_JUDGE

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

void keep_all(std::span<const peak_candidate> candidates, std::vector<judged_peak>& kept) {
  kept.clear();
  for (const peak_candidate& hit : candidates) kept.push_back({hit.row, hit.column, 0, false});
}

#define COUNTEM_JUDGE(function, charges_of, rule_of, precondition)                                                          \
  HWY_EXPORT(function);                                                                                                     \
  void judge(std::span<const peak_candidate> candidates, const charges_of& charges, const rule_of& rule, fetch_ahead ahead, \
             std::vector<judged_peak>& kept) {                                                                              \
    if (!(precondition)) return keep_all(candidates, kept);                                                                 \
    kept.resize(candidates.size() + 1);                                                                                     \
    kept.resize(HWY_DYNAMIC_DISPATCH(function)(candidates, charges, rule, ahead, kept.data()));                             \
  }
#define COUNTEM_JUDGE_EACH(charges_of, pixel, name, precondition)                    \
  COUNTEM_JUDGE(judge_peaks_##name, charges_of<std::pixel>, peak_rule, precondition) \
  COUNTEM_JUDGE(judge_maxima_##name, charges_of<std::pixel>, maximum_rule, precondition)
COUNTEM_JUDGE_EACH(raw_charges, uint8_t, raw_u8, true)
COUNTEM_JUDGE_EACH(raw_charges, uint16_t, raw_u16, true)
COUNTEM_JUDGE_EACH(limit_charges, uint8_t, at_limit_u8, true)
COUNTEM_JUDGE_EACH(limit_charges, uint16_t, at_limit_u16, true)
COUNTEM_JUDGE_EACH(gained_charges, uint8_t, gained_u8, charges.moderate)
COUNTEM_JUDGE_EACH(gained_charges, uint16_t, gained_u16, charges.moderate)
COUNTEM_JUDGE_EACH(narrow_denoised_charges, uint8_t, denoised_u8, true)
COUNTEM_JUDGE_EACH(narrow_denoised_charges, uint16_t, denoised_u16, true)
#undef COUNTEM_JUDGE_EACH
#undef COUNTEM_JUDGE

}  // namespace countem::cpu
#endif
