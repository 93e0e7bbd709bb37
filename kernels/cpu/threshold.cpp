#include "kernels/cpu/threshold.hpp"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/threshold.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t word_bits = 64;

/// Bits of up to 64 pixels, one after the other: row ends, and targets without vectors.
template <class Pixel>
std::uint64_t hits_one_by_one(const threshold_block<Pixel>& block, const Pixel* raw, const Pixel* limits, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Pixel limit = limits == nullptr ? block.everywhere : limits[i];
    word |= std::uint64_t{raw[i] > limit} << i;
  }
  return word;
}

/// The bits of one whole word of pixels.
template <bool PerPixel, class Pixel>
HWY_INLINE void hits_of_word(const threshold_block<Pixel>& block, const Pixel* raw, const Pixel* limits, std::uint64_t* out) {
#if HWY_TARGET == HWY_SCALAR
  *out = hits_one_by_one(block, raw, PerPixel ? limits : nullptr, word_bits);
#else
  const hn::ScalableTag<Pixel> tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto everywhere = hn::Set(tag, block.everywhere);
  const auto above = [&](std::size_t i) {
    if constexpr (PerPixel) {
      return hn::Gt(hn::LoadU(tag, raw + i), hn::LoadU(tag, limits + i));
    } else {
      return hn::Gt(hn::LoadU(tag, raw + i), everywhere);
    }
  };
  if (lanes >= 8) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(out);
    for (std::size_t i = 0; i < word_bits; i += lanes) hn::StoreMaskBits(tag, above(i), bytes + i / 8);
  } else {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < word_bits; i += lanes) {
      std::uint8_t few[8] = {};
      hn::StoreMaskBits(tag, above(i), few);
      word |= std::uint64_t{few[0]} << i;
    }
    *out = word;
  }
#endif
}

template <bool PerPixel, class Pixel>
HWY_INLINE void find_hits_of(const threshold_block<Pixel>& block, std::uint64_t* hits) {
  const std::size_t whole = block.width / word_bits;
  const std::size_t rest = block.width % word_bits;
  const Pixel* raw = block.raw;
  const Pixel* limits = block.limits;
  for (std::size_t row = 0; row < block.rows; ++row) {
    for (std::size_t w = 0; w < whole; ++w) {
      hits_of_word<PerPixel>(block, raw, limits, hits);
      ++hits;
      raw += word_bits;
      if constexpr (PerPixel) limits += word_bits;
    }
    if (rest != 0) {
      *hits = hits_one_by_one(block, raw, limits, rest);
      ++hits;
      raw += rest;
      if constexpr (PerPixel) limits += rest;
    }
  }
}

template <class Pixel>
HWY_INLINE void find_hits_any(const threshold_block<Pixel>& block, std::uint64_t* hits) {
  if (block.limits != nullptr) {
    find_hits_of<true>(block, hits);
  } else {
    find_hits_of<false>(block, hits);
  }
}

void find_hits_u8(const threshold_block<std::uint8_t>& block, std::uint64_t* hits) {
  find_hits_any(block, hits);
}
void find_hits_u16(const threshold_block<std::uint16_t>& block, std::uint64_t* hits) {
  find_hits_any(block, hits);
}
void find_hits_u32(const threshold_block<std::uint32_t>& block, std::uint64_t* hits) {
  find_hits_any(block, hits);
}
void find_hits_f32(const threshold_block<float>& block, std::uint64_t* hits) {
  find_hits_any(block, hits);
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

void find_hits(const threshold_block<std::uint8_t>& block, std::uint64_t* hits) {
  HWY_DYNAMIC_DISPATCH(find_hits_u8)(block, hits);
}
void find_hits(const threshold_block<std::uint16_t>& block, std::uint64_t* hits) {
  HWY_DYNAMIC_DISPATCH(find_hits_u16)(block, hits);
}
void find_hits(const threshold_block<std::uint32_t>& block, std::uint64_t* hits) {
  HWY_DYNAMIC_DISPATCH(find_hits_u32)(block, hits);
}
void find_hits(const threshold_block<float>& block, std::uint64_t* hits) {
  HWY_DYNAMIC_DISPATCH(find_hits_f32)(block, hits);
}

}  // namespace countem::cpu
#endif
