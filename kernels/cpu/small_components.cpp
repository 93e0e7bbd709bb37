#include "kernels/cpu/small_components.hpp"

#include <algorithm>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/small_components.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef COUNTEM_CPU_SMALL_COMPONENTS
#define COUNTEM_CPU_SMALL_COMPONENTS
namespace countem::cpu {

/// What the vector code writes: components that were summed, and windows that it leaves to others.
struct small_component_lists {
  window_sums* sums;
  std::uint32_t* windows;
  std::uint32_t* others;
  const fetch_ahead& ahead;
  std::size_t count = 0;
  std::size_t other_count = 0;
};

}  // namespace countem::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

using charge_tag = hn::FixedTag<std::uint16_t, window::size>;  // a row of a window
using charge_vector = hn::Vec<charge_tag>;

// load_charges(): charges of a row of a window, 16 times `scale` and something more: exact where `scale` is below 2^9. Two
// results and not a struct: vectors of scalable targets may not be members.
constexpr std::uint16_t brightest_scale = 511;
/// Sums of four of them, and twice two, fit 15 bits.
constexpr std::int32_t brightest_charge = 8191;

HWY_INLINE charge_vector load_pixels(const std::uint16_t* from) {
  return hn::LoadU(charge_tag(), from);
}
HWY_INLINE charge_vector load_pixels(const std::uint8_t* from) {
  return hn::PromoteTo(charge_tag(), hn::LoadU(hn::Rebind<std::uint8_t, charge_tag>(), from));
}

template <class Pixel>
HWY_INLINE charge_vector load_charges(const raw_charges<Pixel>& charges, std::uint32_t row, std::uint32_t column,
                                      charge_vector& scale) {
  scale = load_pixels(charges.rows[row] + column);
  return hn::ShiftLeft<4>(scale);
}

template <class Pixel>
HWY_INLINE charge_vector load_charges(const limit_charges<Pixel>& charges, std::uint32_t row, std::uint32_t column,
                                      charge_vector& scale) {
  const std::size_t pixel = row * charges.width + column;
  scale = hn::SaturatedSub(load_pixels(charges.rows[row] + column), load_pixels(charges.limits + pixel));
  const auto at_limit =
      hn::Add(load_pixels(charges.above_lowest + pixel), hn::Set(charge_tag(), static_cast<std::uint16_t>(charges.lowest)));
  return hn::Add(hn::ShiftLeft<4>(scale), at_limit);
}

template <class Pixel>
HWY_INLINE charge_vector load_charges(const narrow_denoised_charges<Pixel>& charges, std::uint32_t row, std::uint32_t column,
                                      charge_vector& scale) {
  const charge_tag tag;
  scale = load_pixels(charges.rows[row] + column);
  auto charge = hn::ShiftLeft<4>(scale);
  if (charges.dark16 != nullptr) {
    const hn::RebindToSigned<charge_tag> signed_tag;
    charge = hn::Sub(charge, hn::BitCast(tag, hn::LoadU(signed_tag, charges.dark16 + row * charges.width + column)));
  }
  const std::int32_t* noise = charges.noise + std::size_t{row} * 2;
  const auto columns = hn::Iota(tag, static_cast<std::uint16_t>(column));
  const auto in_left_half = hn::Lt(columns, hn::Set(tag, static_cast<std::uint16_t>(charges.width / 2)));
  charge = hn::Sub(charge, hn::IfThenElse(in_left_half, hn::Set(tag, static_cast<std::uint16_t>(noise[0])),
                                          hn::Set(tag, static_cast<std::uint16_t>(noise[1]))));
  return charge;
}

/// Products of numbers, added up to four lanes.
HWY_INLINE auto sums_of_products(hn::Vec<hn::RebindToSigned<charge_tag>> numbers,
                                 hn::Vec<hn::RebindToSigned<charge_tag>> weights) {
  const hn::RepartitionToWide<hn::RebindToSigned<charge_tag>> sum_tag;
  auto rest = hn::Zero(sum_tag);
  const auto sums = hn::ReorderWidenMulAccumulate(sum_tag, numbers, weights, hn::Zero(sum_tag), rest);
  return hn::Add(sums, rest);
}

/// Without a branch that data could mislead: every window is summed, and what is not wanted is overwritten by the next.
/// Returns false where a charge was too high for it.
template <class Charges>
HWY_INLINE bool sum(const strip_windows strip, const Charges charges, const component_limits limits,
                    small_component_lists& lists) {
  static_assert(std::endian::native == std::endian::little, "rows of a window are bytes of a word in ascending order");
  const charge_tag tag;
  const hn::RebindToSigned<charge_tag> signed_tag;
  const hn::RepartitionToWide<decltype(signed_tag)> sum_tag;
  const hn::FixedTag<double, 2> pair_tag;
  const hn::Half<decltype(sum_tag)> half_tag;
  constexpr std::uint64_t below_two_rows = ~std::uint64_t{0} << (8 * (window::rows_above + 2));
  const auto one = hn::Set(signed_tag, std::int16_t{1});
  const auto column_of = hn::Iota(signed_tag, std::int16_t{0});
  const auto zero = hn::Zero(sum_tag);
  auto highest_charge = hn::Zero(tag);
  auto highest_scale = hn::Zero(tag);
  std::size_t count = 0;
  std::size_t other_count = 0;
  fetch_ahead ahead = lists.ahead;
  const std::size_t lines_each = strip.count == 0 ? 0 : std::min<std::size_t>(ahead.lines_left() / strip.count + 1, 2);
  for (std::size_t i = 0; i < strip.count; ++i) {
    ahead.fetch(lines_each);
    const std::uint64_t component = strip.hits[i];
    const std::uint32_t row = strip.first_row + strip.roots[i].row;
    const std::uint32_t wanted_column = strip.roots[i].column - window::columns_left;  // wraps left of the frame
    const std::uint32_t column = std::min(wanted_column, strip.width - window::size);
    // Where no second row arrived there is no hit in it.
    const std::uint32_t next = row + 1 < strip.height ? row + 1 : row;
    const std::uint32_t second_row = charges.rows[next] != nullptr ? next : row;

    const auto* bits = reinterpret_cast<const std::uint8_t*>(strip.hits + i) + window::rows_above;
    auto first_scale = hn::Zero(tag);
    auto second_scale = hn::Zero(tag);
    const auto first = load_charges(charges, row, column, first_scale);
    const auto second = load_charges(charges, second_row, column, second_scale);
    const auto charge = hn::IfThenElseZero(hn::LoadMaskBits(tag, bits), first);
    const auto second_charge = hn::IfThenElseZero(hn::LoadMaskBits(tag, bits + 1), second);
    highest_charge = hn::Max(highest_charge, hn::Max(charge, second_charge));
    highest_scale = hn::Max(highest_scale, hn::Max(first_scale, second_scale));

    static_assert(window::rows_above == 1);  // so the component's two rows are rows 1 and 2 of the window
    const auto both = hn::BitCast(signed_tag, hn::Add(charge, second_charge));
    const auto all = sums_of_products(both, one);
    const auto by_row = hn::Add(all, sums_of_products(hn::BitCast(signed_tag, second_charge), one));
    const auto by_column = sums_of_products(both, column_of);
    // Four lanes of each to one: halves of lanes on top of each other, twice.
    const auto two_of_rows = hn::Add(hn::InterleaveLower(sum_tag, all, by_row), hn::InterleaveUpper(sum_tag, all, by_row));
    const auto two_of_columns =
        hn::Add(hn::InterleaveLower(sum_tag, by_column, zero), hn::InterleaveUpper(sum_tag, by_column, zero));
    const auto of_rows = hn::Add(hn::LowerHalf(half_tag, two_of_rows), hn::UpperHalf(half_tag, two_of_rows));
    const auto of_columns = hn::Add(hn::LowerHalf(half_tag, two_of_columns), hn::UpperHalf(half_tag, two_of_columns));
    window_sums& sums = lists.sums[count];
    hn::StoreU(hn::PromoteTo(pair_tag, of_rows), pair_tag, &sums.charge);
    hn::StoreU(hn::PromoteTo(pair_tag, of_columns), pair_tag, &sums.charge_columns);
    lists.windows[count] = static_cast<std::uint32_t>(i);
    lists.others[other_count] = static_cast<std::uint32_t>(i);

    // Numbers and not conditions, of which compilers make branches.
    const std::uint64_t not_small = (component & (window::at_edge | below_two_rows)) | (wanted_column - column);
    const std::uint64_t not_first = component & window::before_root;
    count += (not_first | not_small) == 0 ? 1 : 0;
    other_count += static_cast<std::size_t>(not_first == 0) & static_cast<std::size_t>(not_small != 0);
  }
  lists.count = count;
  lists.other_count = other_count;
  const auto limit = hn::Set(tag, static_cast<std::uint16_t>(std::min(brightest_charge, limits.xray16 - 1)));
  const auto scale_limit = hn::Set(tag, brightest_scale);
  return hn::AllTrue(tag, hn::Eq(hn::Max(highest_charge, limit), limit)) &&
         hn::AllTrue(tag, hn::Eq(hn::Max(highest_scale, scale_limit), scale_limit));
}

#else

/// Without vectors every component is summed pixel by pixel.
template <class Charges>
bool sum(const strip_windows, const Charges&, const component_limits, small_component_lists&) {
  return false;
}

#endif

bool sum_raw_u8(const strip_windows& strip, const raw_charges<std::uint8_t>& charges, const component_limits& limits,
                small_component_lists& lists) {
  return sum(strip, charges, limits, lists);
}
bool sum_raw_u16(const strip_windows& strip, const raw_charges<std::uint16_t>& charges, const component_limits& limits,
                 small_component_lists& lists) {
  return sum(strip, charges, limits, lists);
}
bool sum_at_limit_u8(const strip_windows& strip, const limit_charges<std::uint8_t>& charges, const component_limits& limits,
                     small_component_lists& lists) {
  return sum(strip, charges, limits, lists);
}
bool sum_at_limit_u16(const strip_windows& strip, const limit_charges<std::uint16_t>& charges, const component_limits& limits,
                      small_component_lists& lists) {
  return sum(strip, charges, limits, lists);
}
bool sum_denoised_u8(const strip_windows& strip, const narrow_denoised_charges<std::uint8_t>& charges,
                     const component_limits& limits, small_component_lists& lists) {
  return sum(strip, charges, limits, lists);
}
bool sum_denoised_u16(const strip_windows& strip, const narrow_denoised_charges<std::uint16_t>& charges,
                      const component_limits& limits, small_component_lists& lists) {
  return sum(strip, charges, limits, lists);
}

/// Cells from the first of each component's window.
void find_cells(const window_sums* sums, std::size_t count, std::uint32_t upsample, std::uint32_t grid_width,
                std::uint32_t* cells) {
  const hn::ScalableTag<double> tag;
  const hn::Rebind<std::int32_t, decltype(tag)> cell_tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto k = hn::Set(tag, static_cast<double>(upsample));
  const auto cells_a_row = hn::Set(cell_tag, static_cast<std::int32_t>(grid_width));
  for (std::size_t i = 0; i < count; i += lanes) {
    hn::Vec<decltype(tag)> charge;
    hn::Vec<decltype(tag)> by_row;
    hn::Vec<decltype(tag)> by_column;
    hn::Vec<decltype(tag)> unused;
    hn::LoadInterleaved4(tag, &sums[i].charge, charge, by_row, by_column, unused);
    // Pixels that changed since they were found to be hits (hit_charge) may have no charge left: the event is where the root
    // is.
    const auto gone = hn::Eq(charge, hn::Zero(tag));
    charge = hn::IfThenElse(gone, hn::Set(tag, 1.0), charge);
    by_row = hn::IfThenElse(gone, hn::Set(tag, static_cast<double>(window::rows_above)), by_row);
    by_column = hn::IfThenElse(gone, hn::Set(tag, static_cast<double>(window::columns_left)), by_column);
    const auto cell = [&](auto weighted) {
      const auto numerator = hn::Mul(k, hn::Add(hn::Add(weighted, weighted), charge));
      return hn::DemoteTo(cell_tag, hn::Div(numerator, hn::Add(charge, charge)));
    };
    const auto at = hn::Add(hn::Mul(cell(by_row), cells_a_row), cell(by_column));
    hn::StoreU(at, cell_tag, reinterpret_cast<std::int32_t*>(cells + i));
  }
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(sum_raw_u8);
HWY_EXPORT(sum_raw_u16);
HWY_EXPORT(sum_at_limit_u8);
HWY_EXPORT(sum_at_limit_u16);
HWY_EXPORT(sum_denoised_u8);
HWY_EXPORT(sum_denoised_u16);
HWY_EXPORT(find_cells);

namespace {

/// Calls `sum(lists)` where vectors can do it, and takes what it listed.
template <class Sum>
void list(const strip_windows& strip, const component_limits& limits, summed_components& small,
          std::vector<std::uint32_t>& others, const fetch_ahead& ahead, Sum sum) {
  small.start(strip.count);
  others.resize(strip.count + 1);  // one is written behind the last
  small_component_lists lists{small.sums.data(), small.windows.data(), others.data(), ahead};
  if (strip.width < window::size || limits.xray16 < 1 || !sum(lists)) {
    list_all(strip, others);
    return;
  }
  others.resize(lists.other_count);
  small.count = lists.count;
  if (limits.hold_any_size()) return;
  small.count = 0;
  for (std::size_t i = 0; i < lists.count; ++i) {
    if (limits.hold(strip.hits[small.windows[i]])) small.add(small.sums[i], small.windows[i]);
  }
}

}  // namespace

void list_all(const strip_windows& strip, std::vector<std::uint32_t>& others) {
  others.clear();
  for (std::size_t i = 0; i < strip.count; ++i) {
    if ((strip.hits[i] & window::before_root) == 0) others.push_back(static_cast<std::uint32_t>(i));
  }
}

#define COUNTEM_SUM_SMALL_COMPONENTS(charges_of, pixel, function)                                                         \
  void sum_small_components(const strip_windows& strip, const charges_of<pixel>& charges, const component_limits& limits, \
                            summed_components& small, std::vector<std::uint32_t>& others, const fetch_ahead& ahead) {     \
    list(strip, limits, small, others, ahead,                                                                             \
         [&](small_component_lists& lists) { return HWY_DYNAMIC_DISPATCH(function)(strip, charges, limits, lists); });    \
  }
COUNTEM_SUM_SMALL_COMPONENTS(raw_charges, std::uint8_t, sum_raw_u8)
COUNTEM_SUM_SMALL_COMPONENTS(raw_charges, std::uint16_t, sum_raw_u16)
COUNTEM_SUM_SMALL_COMPONENTS(limit_charges, std::uint8_t, sum_at_limit_u8)
COUNTEM_SUM_SMALL_COMPONENTS(limit_charges, std::uint16_t, sum_at_limit_u16)
COUNTEM_SUM_SMALL_COMPONENTS(narrow_denoised_charges, std::uint8_t, sum_denoised_u8)
COUNTEM_SUM_SMALL_COMPONENTS(narrow_denoised_charges, std::uint16_t, sum_denoised_u16)
#undef COUNTEM_SUM_SMALL_COMPONENTS

void find_events(const strip_windows& strip, const summed_components& components, std::uint32_t upsample,
                 std::vector<std::uint32_t>& indices) {
  const std::uint32_t grid_width = strip.width * upsample;
  const std::size_t before = indices.size();
  indices.resize(before + components.count + widest_vector<std::uint32_t>);
  std::uint32_t* index = indices.data() + before;
  HWY_DYNAMIC_DISPATCH(find_cells)(components.sums.data(), components.count, upsample, grid_width, index);
  for (std::size_t i = 0; i < components.count; ++i) {
    const component_root root = strip.roots[components.windows[i]];
    // Wraps where the window starts outside the frame, and wraps back with the event's cell.
    const std::uint32_t window_row = strip.first_row + root.row - window::rows_above;
    const std::uint32_t window_column = root.column - window::columns_left;
    index[i] += upsample * (window_row * grid_width + window_column);
  }
  indices.resize(before + components.count);
}

}  // namespace countem::cpu
#endif
