#include "kernels/cpu/threshold.hpp"

#include <cstring>

#include "kernels/cpu/fetch_ahead.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/threshold.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t word_bits = 64;

/// Bytes between the pixels that are compared and those that are fetched: four streams at once are more than some processors
/// follow by themselves. What lies behind the rows is the next strip, or no memory, which is harmless.
constexpr std::size_t fetched_ahead = 2048;

/// Bits of up to 64 pixels, one after the other: row ends, and targets without vectors.
template <bool PerPixel, class Pixel>
std::uint64_t hits_one_by_one(const threshold_block<Pixel>& block, const Pixel* raw, const Pixel* limits, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{raw[i] > (PerPixel ? limits[i] : block.everywhere)} << i;
  return word;
}

#if HWY_TARGET == HWY_SCALAR

template <bool PerPixel, std::size_t Frames, class Pixel>
void hits_of_word(const threshold_block<Pixel>& block, std::size_t pixel, std::size_t word) {
  for (std::size_t f = 0; f < Frames; ++f) {
    block.hits[f][word] =
        hits_one_by_one<PerPixel>(block, block.raw[f] + pixel, block.limits + (PerPixel ? pixel : 0), word_bits);
  }
}

#else

/// Bits of one whole word of pixels of each frame.
template <bool PerPixel, std::size_t Frames, class Pixel>
HWY_INLINE void hits_of_word(const threshold_block<Pixel>& block, std::size_t pixel, std::size_t word) {
  const hn::CappedTag<Pixel, word_bits> tag;  // a vector's bits go into one word
  const std::size_t lanes = hn::Lanes(tag);
  constexpr std::size_t pixels_in_line = fetch_ahead::line_bytes / sizeof(Pixel);
  std::uint64_t few_bits[Frames] = {};
  for (std::size_t i = 0; i < word_bits; i += lanes) {
    const auto limits = PerPixel ? hn::LoadU(tag, block.limits + pixel + i) : hn::Set(tag, block.everywhere);
    for (std::size_t f = 0; f < Frames; ++f) {
      if (i % pixels_in_line == 0) __builtin_prefetch(block.raw[f] + pixel + i + fetched_ahead / sizeof(Pixel));
      const auto above = hn::Gt(hn::LoadU(tag, block.raw[f] + pixel + i), limits);
      if (lanes >= 8) {
        hn::StoreMaskBits(tag, above, reinterpret_cast<std::uint8_t*>(block.hits[f] + word) + i / 8);
      } else {
        std::uint8_t few[8] = {};
        hn::StoreMaskBits(tag, above, few);
        few_bits[f] |= std::uint64_t{few[0]} << i;
      }
    }
  }
  if (lanes >= 8) return;
  for (std::size_t f = 0; f < Frames; ++f) block.hits[f][word] = few_bits[f];
}

#endif

template <bool PerPixel, std::size_t Frames, class Pixel>
void find_hits_of(const threshold_block<Pixel>& block) {
  const std::size_t whole = block.width / word_bits;
  const std::size_t rest = block.width % word_bits;
  for (std::size_t row = 0; row < block.rows; ++row) {
    const std::size_t first_pixel = row * block.width;
    const std::size_t first_word = row * block.hits_stride;
    for (std::size_t w = 0; w < whole; ++w) hits_of_word<PerPixel, Frames>(block, first_pixel + w * word_bits, first_word + w);
    if (rest == 0) continue;
    const std::size_t pixel = first_pixel + whole * word_bits;
    for (std::size_t f = 0; f < Frames; ++f) {
      block.hits[f][first_word + whole] =
          hits_one_by_one<PerPixel>(block, block.raw[f] + pixel, block.limits + (PerPixel ? pixel : 0), rest);
    }
  }
}

template <bool PerPixel, class Pixel>
void find_hits_of_frames(const threshold_block<Pixel>& block) {
  switch (block.frames) {
    case 1: return find_hits_of<PerPixel, 1>(block);
    case 2: return find_hits_of<PerPixel, 2>(block);
    case 3: return find_hits_of<PerPixel, 3>(block);
    case 4: return find_hits_of<PerPixel, 4>(block);
    default: return;
  }
}

template <class Pixel>
void find_hits_any(const threshold_block<Pixel>& given) {
  // A copy whose address stays here: the compiler then knows that writing hits does not change it.
  const threshold_block<Pixel> block = given;
  if (block.limits != nullptr) {
    find_hits_of_frames<true>(block);
  } else {
    find_hits_of_frames<false>(block);
  }
}

void find_hits_u8(const threshold_block<std::uint8_t>& block) {
  find_hits_any(block);
}
void find_hits_u16(const threshold_block<std::uint16_t>& block) {
  find_hits_any(block);
}
void find_hits_u32(const threshold_block<std::uint32_t>& block) {
  find_hits_any(block);
}
void find_hits_f32(const threshold_block<float>& block) {
  find_hits_any(block);
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(find_hits_u8);
HWY_EXPORT(find_hits_u16);
HWY_EXPORT(find_hits_u32);
HWY_EXPORT(find_hits_f32);

void find_hits(const threshold_block<std::uint8_t>& block) {
  HWY_DYNAMIC_DISPATCH(find_hits_u8)(block);
}
void find_hits(const threshold_block<std::uint16_t>& block) {
  HWY_DYNAMIC_DISPATCH(find_hits_u16)(block);
}
void find_hits(const threshold_block<std::uint32_t>& block) {
  HWY_DYNAMIC_DISPATCH(find_hits_u32)(block);
}
void find_hits(const threshold_block<float>& block) {
  HWY_DYNAMIC_DISPATCH(find_hits_f32)(block);
}

}  // namespace countem::cpu
#endif
