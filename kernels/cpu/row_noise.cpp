#include "kernels/cpu/row_noise.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "kernels/cpu/widest_vector.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/row_noise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/narrow_charges-inl.hpp"
#include "kernels/cpu/narrow_mean-inl.hpp"
#include "kernels/cpu/narrow_median-inl.hpp"

#ifndef COUNTEM_CPU_ROW_NOISE_TYPES
#define COUNTEM_CPU_ROW_NOISE_TYPES
namespace countem::cpu {

struct noise_work {
  noise_task task;
  row_noise_method method;
  std::span<narrow_half_row> halves;
  std::uint64_t* words;
};

}  // namespace countem::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

/// Sets a bit for each charge that is above background and noise; whole vectors of them.
HWY_INLINE void find_above(const narrow_half_row& half, std::int32_t noise16, const std::int16_t* background,
                           std::int16_t everywhere, std::uint8_t* bytes) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < half.count; ++i) {
    if (i % 8 == 0) bytes[i / 8] = 0;
    const std::int32_t limit = noise16 + (background == nullptr ? everywhere : background[i]);
    const bool above = half.charges[i] > limit && half.charges[i] != narrow_calibration::masked;
    bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | static_cast<unsigned>(above) << (i % 8));
  }
#else
  const charge_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  [[maybe_unused]] constexpr std::size_t pixels_in_line = fetch_ahead::line_bytes / sizeof(std::int16_t);
  fetch_ahead ahead = half.ahead;
  // Copies: the bytes that are written could be anything else to the compiler.
  const std::int16_t* const charges = half.charges;
  const std::size_t count = half.count;
  // Compared with one more on either side: that makes the lowest number of a masked pixel's.
  const auto one = hn::Set(tag, std::int16_t{1});
  const auto noise = hn::Set(tag, static_cast<std::int16_t>(noise16 + 1));
  const auto common = hn::Add(noise, hn::Set(tag, everywhere));
  const auto above = [&](std::size_t i) {
    const auto limit = background == nullptr ? common : hn::Add(hn::LoadU(tag, background + i), noise);
    return hn::Gt(hn::Add(hn::LoadU(tag, charges + i), one), limit);
  };
#if HWY_TARGET == HWY_AVX2
  // The bits of two vectors at once: here they are taken from bytes.
  for (std::size_t i = 0; i < count; i += 2 * lanes) {
    ahead.fetch(1);
    const auto first = hn::VecFromMask(tag, above(i));
    const auto second = hn::VecFromMask(tag, above(i + lanes));
    constexpr int blocks_in_order = 0b11'01'10'00;
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi16(first.raw, second.raw), blocks_in_order);
    const auto bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(both));
    std::memcpy(bytes + i / 8, &bits, sizeof bits);
  }
#else
  for (std::size_t i = 0; i < count; i += lanes) {
    if (i % pixels_in_line == 0) ahead.fetch(1);
    hn::StoreMaskBits(tag, above(i), bytes + i / 8);
  }
#endif
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
HWY_INLINE void set_hits(const narrow_rows<Pixel>& rows, const typename narrow_rows<Pixel>::frame& frame,
                         std::span<const narrow_half_row> halves, std::uint64_t* scratch) {
  std::uint64_t* const hits = frame.hits;
  const std::size_t words = (rows.width + 63) / 64;
  const std::size_t middle = halves[0].count;
  const std::int16_t* right_background = rows.background == nullptr ? nullptr : rows.background + middle;
  const bool whole_bytes = middle % 8 == 0;
  std::fill_n(whole_bytes ? hits + words - 1 : hits, whole_bytes ? 1 : words, std::uint64_t{0});
  auto* const bytes = reinterpret_cast<std::uint8_t*>(hits);
  find_above(halves[0], frame.noise[0], rows.background, rows.everywhere, bytes);
  if (whole_bytes) {
    find_above(halves[1], frame.noise[1], right_background, rows.everywhere, bytes + middle / 8);
    return;
  }
  std::fill_n(scratch, words, std::uint64_t{0});
  find_above(halves[1], frame.noise[1], right_background, rows.everywhere, reinterpret_cast<std::uint8_t*>(scratch));
  set_shifted(scratch, halves[1].count, hits, middle);
}

template <bool Summed, class Pixel>
HWY_INLINE void load_halves_of(const narrow_rows<Pixel>& rows, std::size_t f, std::span<narrow_half_row> halves) {
  const std::array<std::size_t, 2> start{0, rows.width / 2};
  const auto& frame = rows.frames[f];
  for (std::size_t h = 0; h < 2; ++h) {
    load_charges<Summed>(frame.raw + start[h], rows.dark16 == nullptr ? nullptr : rows.dark16 + start[h], rows.masked[h],
                         halves[2 * f + h]);
  }
  for (const std::uint32_t x : frame.missing) {
    const std::size_t h = x < start[1] ? 0 : 1;
    set_missing(halves[2 * f + h], x - start[h]);
  }
}

template <bool Summed, class Pixel>
HWY_INLINE void load_halves(const narrow_rows<Pixel>& rows, std::span<narrow_half_row> halves) {
  for (std::size_t f = 0; f < rows.count; ++f) load_halves_of<Summed>(rows, f, halves);
}

/// The mean charge of a half-row that has some, each cut as the half-row has it around `middle`.
HWY_INLINE std::int32_t mean_about(std::int32_t middle, const narrow_half_row& half) {
  return middle + rounded_mean(half.near_sum - half.number * middle, half.number);
}

/// The noise of row_noise_method::mean of loaded halves that 0 is too far from.
HWY_NOINLINE void find_means_of_far(std::span<narrow_half_row* const> halves, std::span<std::int32_t* const> noise) {
  for (narrow_half_row* half : halves) take_sample(*half);
  find_middles(halves);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    narrow_half_row& half = *halves[i];
    half.set_cut(half.middle, row_mean_reach);
    sum_charges(half);
    *noise[i] = mean_about(half.middle, half);
  }
}

/// The noise of row_noise_method::mean of each half, and its charges.
template <class Pixel>
HWY_INLINE void find_means(const narrow_rows<Pixel>& rows, std::span<narrow_half_row> halves, std::span<std::int32_t> noise) {
  for (narrow_half_row& half : halves) half.set_cut(0, row_mean_reach);
  load_halves<true>(rows, halves);
  std::array<narrow_half_row*, most_halves> far;
  std::array<std::int32_t*, most_halves> far_noise;
  std::size_t number_far = 0;
  for (std::size_t i = 0; i < halves.size(); ++i) {
    noise[i] = halves[i].number == 0 ? 0 : mean_about(0, halves[i]);
    far[number_far] = &halves[i];
    far_noise[number_far] = &noise[i];
    number_far += is_row_mean(noise[i]) ? 0 : 1;
  }
  if (number_far != 0) find_means_of_far(std::span(far).first(number_far), std::span(far_noise).first(number_far));
}

/// The median of each half, or `otherwise` where it has no charges, and the charges.
template <class Pixel>
HWY_INLINE void find_medians(const narrow_rows<Pixel>& rows, std::int32_t otherwise, std::span<narrow_half_row> halves,
                             std::span<std::int32_t> noise) {
  for (narrow_half_row& half : halves) half.set_cut(half.median, narrow_half_row::median_reach);
  load_halves<true>(rows, halves);
  find_medians_of(halves, rows.highest_noise);
  std::ranges::transform(halves, noise.begin(),
                         [&](const narrow_half_row& half) { return half.number == 0 ? otherwise : half.median; });
}

template <class Pixel>
HWY_INLINE void do_task(const narrow_rows<Pixel> rows, const noise_work& work) {
  const auto halves = work.halves.first(2 * rows.count);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const Pixel* ahead = rows.frames[i / 2].ahead;
    halves[i].ahead = ahead == nullptr
                          ? fetch_ahead()
                          : fetch_ahead(ahead + (i % 2 == 0 ? 0 : rows.width / 2), halves[i].count * sizeof(Pixel));
  }
  if (work.task == noise_task::hits) {
    load_halves<false>(rows, halves);
  } else {
    std::array<std::int32_t, most_halves> noise{};
    if (work.task == noise_task::noise_and_hits && work.method == row_noise_method::mean) {
      find_means(rows, halves, noise);
    } else {
      find_medians(rows, work.task == noise_task::medians ? no_charge : 0, halves, noise);
    }
    for (std::size_t i = 0; i < halves.size(); ++i) rows.frames[i / 2].noise[i % 2] = noise[i];
  }
  if (work.task == noise_task::medians) return;
  for (std::size_t f = 0; f < rows.count; ++f) set_hits(rows, rows.frames[f], halves.subspan(2 * f, 2), work.words);
}

void do_task_u8(const narrow_rows<std::uint8_t>& rows, const noise_work& work) {
  do_task(rows, work);
}
void do_task_u16(const narrow_rows<std::uint16_t>& rows, const noise_work& work) {
  do_task(rows, work);
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(do_task_u8);
HWY_EXPORT(do_task_u16);

narrow_noise::narrow_noise(row_noise_method method, std::size_t width)
    : method_(method), words_((width + 63) / 64 + widest_vector<std::int16_t> / 64) {
  const std::size_t longest = width - width / 2;
  // Whole cache lines each: vectors that lie across two cost twice.
  constexpr std::size_t line = 64 / sizeof(std::int16_t);
  const std::size_t room = (longest + widest_vector<std::int16_t> + line - 1) / line * line;
  memory_.assign(halves_.size() * room + line, narrow_calibration::missing);
  // Whole vectors, which are thus aligned too. Nothing is written behind the last step.
  const std::size_t sample_room =
      (longest / row_sample_period + 1) * row_sample_columns / widest_vector<std::int8_t> * widest_vector<std::int8_t> +
      widest_vector<std::int8_t>;
  samples_ = hwy::AllocateAligned<std::int8_t>(halves_.size() * sample_room);
  if (samples_ == nullptr) throw std::bad_alloc();
  std::fill_n(samples_.get(), halves_.size() * sample_room, std::numeric_limits<std::int8_t>::max());
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
    half.sample = samples_.get() + i * sample_room;
  }
}

void narrow_noise::run(noise_task task, const narrow_rows<std::uint8_t>& rows) {
  HWY_DYNAMIC_DISPATCH(do_task_u8)(rows, {task, method_, halves_, words_.data()});
}

void narrow_noise::run(noise_task task, const narrow_rows<std::uint16_t>& rows) {
  HWY_DYNAMIC_DISPATCH(do_task_u16)(rows, {task, method_, halves_, words_.data()});
}

}  // namespace countem::cpu
#endif
