#include "kernels/cpu/row_noise.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "kernels/cpu/widest_vector.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/row_noise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/narrow_charges-inl.hpp"
#include "kernels/cpu/narrow_median-inl.hpp"

#ifndef COUNTEM_CPU_ROW_NOISE_TYPES
#define COUNTEM_CPU_ROW_NOISE_TYPES
namespace countem::cpu {

struct noise_scratch {
  std::span<narrow_half_row> halves;
  std::uint64_t* words;
  row_noise_method method;
};

}  // namespace countem::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

void find_means(std::span<narrow_half_row> halves) {
  for (narrow_half_row& half : halves) half.noise = half.quiet_count == 0 ? 0 : rounded_mean(half.quiet_sum, half.quiet_count);
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
  // Compared with one more on either side: that makes the lowest number of a masked pixel's.
  const auto one = hn::Set(tag, std::int16_t{1});
  const auto noise = hn::Set(tag, static_cast<std::int16_t>(half.noise + 1));
  const auto common = hn::Add(noise, hn::Set(tag, everywhere));
  for (std::size_t i = 0; i < half.count; i += lanes) {
    const auto limit = background == nullptr ? common : hn::Add(hn::LoadU(tag, background + i), noise);
    hn::StoreMaskBits(tag, hn::Gt(hn::Add(hn::LoadU(tag, half.charges + i), one), limit), bytes + i / 8);
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
  const auto halves = scratch.halves.first(2 * rows.count);
  if (scratch.method == row_noise_method::mean) {
    find_means(halves);
  } else {
    find_medians(halves);
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

narrow_noise::narrow_noise(row_noise_method method, std::size_t width, bool per_pixel)
    : method_(method), words_((width + 63) / 64 + widest_vector<std::int16_t> / 64) {
  const std::size_t longest = width - width / 2;
  // Whole cache lines each: vectors that lie across two cost twice.
  constexpr std::size_t line = 64 / sizeof(std::int16_t);
  const std::size_t room = (longest + widest_vector<std::int16_t> + line - 1) / line * line;
  memory_.assign(halves_.size() * room * (per_pixel ? 2 : 1) + line, narrow_calibration::missing);
  std::size_t left = memory_.size() * sizeof(std::int16_t);
  void* aligned = memory_.data();
  auto* free =
      static_cast<std::int16_t*>(std::align(line * sizeof(std::int16_t), left - line * sizeof(std::int16_t), aligned, left));
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    narrow_half_row& half = halves_[i];
    half.count = i % 2 == 0 ? width / 2 : longest;
    half.longer_count = longest;
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
