#include "kernels/cpu/row_noise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/row_noise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef COUNTEM_CPU_ROW_NOISE_TYPES
#define COUNTEM_CPU_ROW_NOISE_TYPES
namespace countem::cpu {

struct noise_scratch {
  std::span<narrow_half_row> halves;
  std::uint64_t* words;
  row_noise_method method;
};

inline std::int64_t floor_divide(std::int64_t numerator, std::int64_t positive_denominator) {
  const std::int64_t quotient = numerator / positive_denominator;
  return quotient * positive_denominator > numerator ? quotient - 1 : quotient;
}
inline std::int32_t rounded_mean(std::int64_t sum, std::int64_t number) {
  return static_cast<std::int32_t>(floor_divide(2 * sum + number, 2 * number));
}
inline std::int32_t rounded_middle(std::int64_t low, std::int64_t high) {
  return static_cast<std::int32_t>((low + high + 1) >> 1);
}

}  // namespace countem::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_HAVE_SCALABLE
using charge_tag = hn::FixedTag<std::int16_t, 8>;  // blocks are added up, and must be there
#else
using charge_tag = hn::ScalableTag<std::int16_t>;
#endif

HWY_INLINE std::int16_t narrow_charge(std::int32_t raw, std::int32_t dark16) {
  const std::int32_t charge = charge_units_per_adu * std::min(raw, narrow_calibration::brightest_raw) - dark16;
  return static_cast<std::int16_t>(std::min<std::int32_t>(charge, narrow_calibration::masked));
}

#if HWY_TARGET != HWY_SCALAR
/// The 128-bit blocks of a vector added up.
template <class Tag, class Vector>
HWY_INLINE auto sum_of_blocks(Tag tag, Vector vector) {
  if constexpr (hn::MaxLanes(tag) * sizeof(hn::TFromD<Tag>) > 16) {
    const hn::Half<Tag> half;
    return sum_of_blocks(half, hn::Add(hn::LowerHalf(half, vector), hn::UpperHalf(half, vector)));
  } else {
    return vector;
  }
}
#endif

/// Where what is counted ends: pairs of vectors, filled up with missing charges.
HWY_INLINE std::size_t whole_vectors(std::size_t count) {
  const std::size_t two = 2 * hn::Lanes(charge_tag());
  return (count + two - 1) / two * two;
}

/// Charges of a half-row, and with a background for each pixel those of them that are quiet.
template <bool PerPixel, class Pixel>
HWY_INLINE void load_charges(const Pixel* raw, [[maybe_unused]] const Pixel* ahead, const std::int16_t* dark16,
                             const std::int16_t* background, std::int16_t everywhere, narrow_half_row& half) {
  const std::size_t count = half.count;
  std::int16_t* const charges = half.charges;
  std::int16_t* const quiet = half.quiet;
  [[maybe_unused]] const charge_tag tag;
  [[maybe_unused]] const std::size_t lanes = hn::Lanes(tag);
  std::size_t i = 0;
  half.quiet_sum = 0;
  half.quiet_count = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::RebindToUnsigned<charge_tag> raw_tag;
  const hn::RepartitionToWide<charge_tag> sum_tag;
  const auto brightest = hn::Set(raw_tag, static_cast<std::uint16_t>(narrow_calibration::brightest_raw));
  const auto one = hn::Set(tag, std::int16_t{1});
  auto sum = hn::Zero(sum_tag);
  auto other_sum = hn::Zero(sum_tag);
  std::size_t loud_ones = 0;
  for (; i + lanes <= count; i += lanes) {
    if (ahead != nullptr) __builtin_prefetch(ahead + i, 0, 2);
    const auto wide = [&, at = raw + i] {
      if constexpr (sizeof(Pixel) == 1) {
        return hn::PromoteTo(raw_tag, hn::LoadU(hn::Rebind<std::uint8_t, charge_tag>(), at));
      } else {
        return hn::LoadU(raw_tag, at);
      }
    }();
    auto charge = hn::BitCast(tag, hn::ShiftLeft<4>(hn::Min(wide, brightest)));
    if (dark16 != nullptr) charge = hn::SaturatedSub(charge, hn::LoadU(tag, dark16 + i));
    hn::StoreU(charge, tag, charges + i);
    const auto limit = PerPixel ? hn::LoadU(tag, background + i) : hn::Set(tag, everywhere);
    const auto is_loud = hn::Gt(charge, limit);
    if constexpr (PerPixel)
      hn::StoreU(hn::IfThenElse(is_loud, hn::Set(tag, narrow_calibration::masked), charge), tag, quiet + i);
    loud_ones += hn::CountTrue(tag, is_loud);
    // Products with 1, added in pairs: half-rows are short enough for 32 bits.
    sum = hn::ReorderWidenMulAccumulate(sum_tag, hn::IfThenZeroElse(is_loud, charge), one, sum, other_sum);
  }
  const hn::FixedTag<std::int32_t, 4> block_tag;
  half.quiet_sum = hn::GetLane(hn::SumOfLanes(block_tag, sum_of_blocks(sum_tag, hn::Add(sum, other_sum))));
  half.quiet_count = static_cast<std::int64_t>(i - loud_ones);
#endif
  for (; i < count; ++i) {
    charges[i] = narrow_charge(raw[i], dark16 == nullptr ? 0 : dark16[i]);
    const bool is_quiet = charges[i] <= (PerPixel ? background[i] : everywhere);
    if constexpr (PerPixel) quiet[i] = is_quiet ? charges[i] : narrow_calibration::masked;
    half.quiet_count += is_quiet ? 1 : 0;
    half.quiet_sum += is_quiet ? charges[i] : 0;
  }
  half.missing = static_cast<std::int64_t>(whole_vectors(count) - count);
}

/// A pixel of those loaded has no charge.
void set_missing(narrow_half_row& half, std::size_t pixel, const std::int16_t* background, std::int16_t everywhere) {
  const std::int32_t charge = half.charges[pixel];
  const bool is_quiet = charge <= (background == nullptr ? everywhere : background[pixel]);
  const std::int32_t was_there = charge != narrow_calibration::missing ? 1 : 0;
  const std::int32_t was_quiet = was_there & static_cast<std::int32_t>(is_quiet);
  half.quiet_count -= was_quiet;
  half.quiet_sum -= was_quiet * charge;
  half.missing += was_there;
  half.charges[pixel] = narrow_calibration::missing;
  half.quiet[pixel] = narrow_calibration::missing;
}

/// Values next to each other that are looked at at once when a median is searched.
constexpr std::int32_t counted_values = 8;

/// At how many of the values base, base + 1, ... base + 7 no more than `rank` charges are up to them, for two ranks.
struct values_up_to {
  std::int32_t low_rank;
  std::int32_t high_rank;
};
HWY_INLINE values_up_to count_values(const narrow_half_row& half, std::int32_t base, std::int64_t low_rank,
                                     std::int64_t high_rank) {
  [[maybe_unused]] const charge_tag tag;
  [[maybe_unused]] const std::size_t lanes = hn::Lanes(tag);
  const std::size_t end = whole_vectors(half.count);
#if HWY_TARGET == HWY_SCALAR
  values_up_to found{0, 0};
  for (std::int32_t k = 0; k < counted_values; ++k) {
    const auto up_to = std::count_if(half.quiet, half.quiet + end, [&](std::int16_t charge) { return charge <= base + k; });
    found.low_rank += up_to <= low_rank ? 1 : 0;
    found.high_rank += up_to <= high_rank ? 1 : 0;
  }
  return found;
#else
  // A charge's distance from base + 8 downwards, in 0..15, tells for how many of the values it counts. Two charges make the two
  // bytes of a lane; tables turn distances into ones in two half-bytes, which are added up before they overflow.
  const hn::Repartition<std::uint8_t, charge_tag> byte_tag;
  const hn::Repartition<std::uint64_t, charge_tag> word_tag;
  alignas(16) static constexpr auto ones = [] {
    std::array<std::array<std::uint8_t, 16>, counted_values / 2> made{};
    for (int pair = 0; pair < counted_values / 2; ++pair) {
      for (int distance = 0; distance < 16; ++distance) {
        const int first = distance >= counted_values - 2 * pair ? 1 : 0;
        const int second = distance >= counted_values - 2 * pair - 1 ? 1 : 0;
        made[static_cast<std::size_t>(pair)][static_cast<std::size_t>(distance)] =
            static_cast<std::uint8_t>(first | second << 4);
      }
    }
    return made;
  }();
  const auto ones0 = hn::LoadDup128(byte_tag, ones[0].data());
  const auto ones1 = hn::LoadDup128(byte_tag, ones[1].data());
  const auto ones2 = hn::LoadDup128(byte_tag, ones[2].data());
  const auto ones3 = hn::LoadDup128(byte_tag, ones[3].data());
  const auto top = hn::Set(tag, static_cast<std::int16_t>(base + counted_values));
  const auto none = hn::Zero(tag);
  const auto every = hn::Set(tag, std::int16_t{15});
  const auto half_byte = hn::Set(byte_tag, std::uint8_t{15});
  const auto distance = [&](std::size_t i) {
    return hn::Min(hn::Max(hn::SaturatedSub(top, hn::LoadU(tag, half.quiet + i)), none), every);
  };
  auto even_counts = hn::Zero(word_tag);  // of values base, base + 2, ... in 16 bits each
  auto odd_counts = hn::Zero(word_tag);
  for (std::size_t i = 0; i < end;) {
    auto sums0 = hn::Zero(byte_tag);
    auto sums1 = sums0;
    auto sums2 = sums0;
    auto sums3 = sums0;
    constexpr std::size_t most_vectors = 15;
    for (const std::size_t stop = std::min(end, i + most_vectors * 2 * lanes); i < stop; i += 2 * lanes) {
      const auto distances = hn::BitCast(byte_tag, hn::Or(distance(i), hn::ShiftLeft<8>(distance(i + lanes))));
      sums0 = hn::Add(sums0, hn::TableLookupBytes(ones0, distances));
      sums1 = hn::Add(sums1, hn::TableLookupBytes(ones1, distances));
      sums2 = hn::Add(sums2, hn::TableLookupBytes(ones2, distances));
      sums3 = hn::Add(sums3, hn::TableLookupBytes(ones3, distances));
    }
    const auto even = [&](auto sums) { return hn::SumsOf8(hn::And(sums, half_byte)); };
    const auto odd = [&](auto sums) {
      return hn::SumsOf8(hn::And(hn::BitCast(byte_tag, hn::ShiftRight<4>(hn::BitCast(word_tag, sums))), half_byte));
    };
    const auto fields = [](auto first, auto second, auto third, auto fourth) {
      return hn::Or(hn::Or(first, hn::ShiftLeft<16>(second)), hn::Or(hn::ShiftLeft<32>(third), hn::ShiftLeft<48>(fourth)));
    };
    even_counts = hn::Add(even_counts, fields(even(sums0), even(sums1), even(sums2), even(sums3)));
    odd_counts = hn::Add(odd_counts, fields(odd(sums0), odd(sums1), odd(sums2), odd(sums3)));
  }
  const auto words = sum_of_blocks(word_tag, hn::Add(hn::InterleaveLower(word_tag, even_counts, odd_counts),
                                                     hn::InterleaveUpper(word_tag, even_counts, odd_counts)));
  const hn::FixedTag<std::int16_t, counted_values> count_tag;
  const auto counts = hn::BitCast(count_tag, words);
  const auto values = [&](std::int64_t rank) {
    const auto more = hn::Gt(counts, hn::Set(count_tag, static_cast<std::int16_t>(rank)));
    return counted_values - static_cast<std::int32_t>(hn::CountTrue(count_tag, more));
  };
  return {values(low_rank), values(high_rank)};
#endif
}

/// The smallest charge above `limit`.
std::int32_t next_above(const narrow_half_row& half, std::int32_t limit) {
  std::int16_t next = narrow_calibration::masked;
  for (std::size_t i = 0; i < half.count; ++i) {
    if (half.quiet[i] > limit) next = std::min(next, half.quiet[i]);
  }
  return next;
}

/// The median of the quiet charges, of which there are some: looks at eight values where it is expected, as a rule once.
HWY_INLINE std::int32_t find_median(narrow_half_row& half) {
  const std::int64_t low_rank = half.missing + (half.quiet_count - 1) / 2;
  const std::int64_t high_rank = half.missing + half.quiet_count / 2;
  const float mean = static_cast<float>(half.quiet_sum) / static_cast<float>(half.quiet_count);
  // At most low_rank charges are up to `below`, more are up to `found`.
  std::int32_t below = narrow_calibration::missing;
  std::int32_t found = narrow_calibration::masked - 1;
  std::int32_t base =
      std::clamp(static_cast<std::int32_t>(mean + half.above_mean) - counted_values / 2, below, found - counted_values);
  values_up_to values = count_values(half, base, low_rank, high_rank);
  for (std::int32_t step = counted_values - 1; values.low_rank % counted_values == 0; step *= 2) {
    if (values.low_rank == 0) {
      found = base;
      base -= step;
    } else {
      below = base + counted_values - 1;
      base += step;
    }
    if (found - below < counted_values) {
      base = below;
    } else if (base < below || base + counted_values - 1 > found) {
      base = below + (found - below - counted_values) / 2;
    }
    values = count_values(half, base, low_rank, high_rank);
  }
  const std::int32_t low = base + values.low_rank;
  const std::int32_t high =
      values.high_rank < counted_values ? base + values.high_rank : next_above(half, base + counted_values - 1);
  half.above_mean += (static_cast<float>(low) - mean - half.above_mean) / 8;
  return rounded_middle(low, high);
}

/// Sets a bit for each charge that is above background and noise; whole vectors of them.
HWY_INLINE void find_above(const narrow_half_row& half, const std::int16_t* background, std::int16_t everywhere,
                           std::uint8_t* bytes) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < half.count; ++i) {
    if (i % 8 == 0) bytes[i / 8] = 0;
    const std::int32_t limit = half.noise + (background == nullptr ? everywhere : background[i]);
    const bool above = half.charges[i] > limit && half.charges[i] != narrow_calibration::masked;
    bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | static_cast<unsigned>(above) << (i % 8));
  }
#else
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto noise = hn::Set(tag, static_cast<std::int16_t>(half.noise));
  const auto masked = hn::Set(tag, narrow_calibration::masked);
  const auto common = hn::Add(noise, hn::Set(tag, everywhere));
  for (std::size_t i = 0; i < half.count; i += lanes) {
    const auto limit = background == nullptr ? common : hn::Add(hn::LoadU(tag, background + i), noise);
    const auto charge = hn::LoadU(tag, half.charges + i);
    hn::StoreMaskBits(tag, hn::And(hn::Gt(charge, limit), hn::Lt(charge, masked)), bytes + i / 8);
  }
#endif
}

/// The right half's bits, where it does not begin with a byte.
void set_shifted(const std::uint64_t* from, std::size_t count, std::uint64_t* row, std::size_t first) {
  const std::size_t shift = first % 64;
  std::uint64_t* to = row + first / 64;
  for (std::size_t w = 0; w < (count + 63) / 64; ++w) {
    to[w] |= from[w] << shift;
    // Bits beyond the width are 0, so where there is no next word there is nothing to carry.
    if (const std::uint64_t carried = shift == 0 ? 0 : from[w] >> (64 - shift); carried != 0) to[w + 1] |= carried;
  }
}

/// The hits of a row, from its two halves.
template <class Pixel>
HWY_INLINE void set_hits(const narrow_rows<Pixel>& rows, std::uint64_t* hits, std::span<const narrow_half_row> halves,
                         std::uint64_t* scratch) {
  const std::size_t words = (rows.width + 63) / 64;
  const std::size_t middle = halves[0].count;
  const std::int16_t* right_background = rows.background == nullptr ? nullptr : rows.background + middle;
  const bool whole_bytes = middle % 8 == 0;
  std::fill_n(whole_bytes ? hits + words - 1 : hits, whole_bytes ? 1 : words, std::uint64_t{0});
  auto* const bytes = reinterpret_cast<std::uint8_t*>(hits);
  find_above(halves[0], rows.background, rows.everywhere, bytes);
  if (whole_bytes) {
    find_above(halves[1], right_background, rows.everywhere, bytes + middle / 8);
    return;
  }
  std::fill_n(scratch, words, std::uint64_t{0});
  find_above(halves[1], right_background, rows.everywhere, reinterpret_cast<std::uint8_t*>(scratch));
  set_shifted(scratch, halves[1].count, hits, middle);
}

template <bool PerPixel, class Pixel>
HWY_INLINE void find_hits_of(const narrow_rows<Pixel> rows, const noise_scratch& scratch) {
  const std::size_t middle = rows.width / 2;
  const std::array<std::size_t, 2> start{0, middle};
  const auto at = [&](const std::int16_t* plane, std::size_t half) { return plane == nullptr ? nullptr : plane + start[half]; };
  for (std::size_t f = 0; f < rows.count; ++f) {
    const auto& frame = rows.frames[f];
    for (std::size_t h = 0; h < 2; ++h) {
      load_charges<PerPixel>(frame.raw + start[h], frame.ahead == nullptr ? nullptr : frame.ahead + start[h],
                             at(rows.dark16, h), at(rows.background, h), rows.everywhere, scratch.halves[2 * f + h]);
    }
    for (const std::uint32_t x : frame.missing) {
      const std::size_t h = x < middle ? 0 : 1;
      set_missing(scratch.halves[2 * f + h], x - start[h], at(rows.background, h), rows.everywhere);
    }
  }
  // One half after the other in each step: nothing that is worked out for one waits for another.
  const auto halves = scratch.halves.first(2 * rows.count);
  for (narrow_half_row& half : halves) {
    if (half.quiet_count == 0) {
      half.noise = 0;
    } else {
      half.noise =
          scratch.method == row_noise_method::mean ? rounded_mean(half.quiet_sum, half.quiet_count) : find_median(half);
    }
  }
  for (std::size_t f = 0; f < rows.count; ++f) {
    rows.frames[f].noise[0] = halves[2 * f].noise;
    rows.frames[f].noise[1] = halves[2 * f + 1].noise;
    set_hits(rows, rows.frames[f].hits, halves.subspan(2 * f, 2), scratch.words);
  }
}

template <class Pixel>
HWY_INLINE void find_hits_in(const narrow_rows<Pixel>& rows, const noise_scratch& scratch) {
  rows.background != nullptr ? find_hits_of<true>(rows, scratch) : find_hits_of<false>(rows, scratch);
}

void find_hits_u8(const narrow_rows<std::uint8_t>& rows, const noise_scratch& scratch) {
  find_hits_in(rows, scratch);
}
void find_hits_u16(const narrow_rows<std::uint16_t>& rows, const noise_scratch& scratch) {
  find_hits_in(rows, scratch);
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(find_hits_u8);
HWY_EXPORT(find_hits_u16);

namespace {

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

/// Vectors are read and written whole, two at a time, and may be this many numbers long together.
constexpr std::size_t widest_vectors = 256;

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
  if (!narrow.background.empty()) narrow.background.resize(narrow.background.size() + widest_vectors);
  narrow.background_everywhere = static_cast<std::int16_t>(given.background16);
  if (given.mask.empty()) return narrow;
  narrow.dark16.resize(given.mask.size());
  for (std::size_t p = 0; p < given.mask.size(); ++p) {
    if (given.mask[p] != 0) narrow.dark16[p] = std::numeric_limits<std::int16_t>::min();
  }
  return narrow;
}

narrow_noise::narrow_noise(row_noise_method method, std::size_t width, bool per_pixel)
    : method_(method), words_((width + 63) / 64 + widest_vectors / 64) {
  const std::size_t longest = width - width / 2;
  const std::size_t room = longest + widest_vectors;
  memory_.assign(halves_.size() * room * (per_pixel ? 2 : 1), narrow_calibration::missing);
  std::int16_t* free = memory_.data();
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    narrow_half_row& half = halves_[i];
    half.count = i % 2 == 0 ? width / 2 : longest;
    half.charges = free;
    free += room;
    half.quiet = per_pixel ? free : half.charges;
    if (per_pixel) free += room;
  }
}

void narrow_noise::find_hits(const narrow_rows<std::uint8_t>& rows) {
  HWY_DYNAMIC_DISPATCH(find_hits_u8)(rows, {halves_, words_.data(), method_});
}

void narrow_noise::find_hits(const narrow_rows<std::uint16_t>& rows) {
  HWY_DYNAMIC_DISPATCH(find_hits_u16)(rows, {halves_, words_.data(), method_});
}

}  // namespace countem::cpu
#endif
