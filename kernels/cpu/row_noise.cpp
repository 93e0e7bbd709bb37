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
  // Compared with one more on either side: that makes the lowest number of a masked pixel's.
  const auto one = hn::Set(tag, std::int16_t{1});
  const auto noise = hn::Set(tag, static_cast<std::int16_t>(noise16 + 1));
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
HWY_INLINE void load_halves(const narrow_rows<Pixel>& rows, std::span<narrow_half_row> halves) {
  const std::array<std::size_t, 2> start{0, rows.width / 2};
  for (std::size_t f = 0; f < rows.count; ++f) {
    const auto& frame = rows.frames[f];
    for (std::size_t h = 0; h < 2; ++h) {
      load_charges<Summed>(frame.raw + start[h], frame.ahead == nullptr ? nullptr : frame.ahead + start[h],
                           rows.dark16 == nullptr ? nullptr : rows.dark16 + start[h], rows.masked[h], halves[2 * f + h]);
    }
    for (const std::uint32_t x : frame.missing) {
      const std::size_t h = x < start[1] ? 0 : 1;
      set_missing(halves[2 * f + h], x - start[h]);
    }
  }
}

/// Noise of each half: of the medians those that are no_charge where there are none.
HWY_INLINE void find_noise(const noise_work& work, std::int32_t highest_noise, std::span<narrow_half_row> halves,
                           std::span<std::int32_t> noise) {
  find_medians_of(halves, highest_noise);
  if (work.task == noise_task::noise_and_hits && work.method == row_noise_method::mean) {
    find_means_of(halves, noise);
    return;
  }
  const std::int32_t otherwise = work.task == noise_task::medians ? no_charge : 0;
  std::ranges::transform(halves, noise.begin(),
                         [&](const narrow_half_row& half) { return half.number == 0 ? otherwise : half.median; });
}

template <class Pixel>
HWY_INLINE void do_task(const narrow_rows<Pixel> rows, const noise_work& work) {
  const auto halves = work.halves.first(2 * rows.count);
  if (work.task == noise_task::hits) {
    load_halves<false>(rows, halves);
  } else {
    load_halves<true>(rows, halves);
    std::array<std::int32_t, most_halves> noise{};
    find_noise(work, rows.highest_noise, halves, noise);
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
