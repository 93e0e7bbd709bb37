#include "kernels/cpu/peak_candidates.hpp"

#include <algorithm>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/peak_candidates.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// No vectors: compiled for each processor for its instructions that count and find bits.

#ifndef COUNTEM_CPU_PEAK_CANDIDATES
#define COUNTEM_CPU_PEAK_CANDIDATES
namespace countem::cpu {

/// Hits of most words; so many are written whether they are there or not.
inline constexpr std::uint32_t hits_at_once = 4;

}  // namespace countem::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

/// Lists the words with hits without a branch: whether a word has any nothing could predict. Returns how many there are.
std::size_t list_words(const hit_bits& hits, std::uint32_t first, std::uint32_t last, word_place* const words) {
  const auto row_words = static_cast<std::uint32_t>(hits.words());
  std::size_t listed = 0;
  for (std::uint32_t y = first; y < last; ++y) {
    const std::uint64_t* const row = hits.row(y);
    for (std::uint32_t w = 0; w < row_words; ++w) {
      words[listed] = {y, w};
      listed += row[w] != 0 ? 1 : 0;
    }
  }
  return listed;
}

/// Nor could anything predict how many hits a word has: a loop over them would end where it is not expected.
std::size_t list_hits(const hit_bits& hits, std::span<const word_place> words, const hit_bits* not_plain,
                      peak_candidate* const candidates) {
  peak_candidate* to = candidates;
  for (const word_place place : words) {
    std::uint64_t left = hits.row(place.row)[place.word];
    const std::uint64_t plain = not_plain == nullptr ? 0 : ~not_plain->row(place.row)[place.word];
    const std::uint32_t column = place.word * hit_bits::bits_per_word;
    const auto count = static_cast<std::uint32_t>(std::popcount(left));
    const auto write = [&](std::uint32_t i) {
      const auto bit = static_cast<std::uint32_t>(std::countr_zero(left));
      to[i] = {place.row, column + bit, ((plain >> (bit % hit_bits::bits_per_word)) & 1U) != 0};
      left &= left - 1;
    };
    for (std::uint32_t i = 0; i < hits_at_once; ++i) write(i);
    for (std::uint32_t i = hits_at_once; i < count; ++i) write(i);
    to += count;
  }
  return static_cast<std::size_t>(to - candidates);
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(list_words);
HWY_EXPORT(list_hits);

std::span<const peak_candidate> peak_candidates::list(const hit_bits& hits, std::uint32_t first, std::uint32_t last,
                                                      const hit_bits* not_plain) {
  words_.resize(std::size_t{last - first} * hits.words() + 1);  // one is written behind the last
  const std::size_t listed = HWY_DYNAMIC_DISPATCH(list_words)(hits, first, last, words_.data());
  candidates_.resize(std::max(candidates_.size(), listed * hit_bits::bits_per_word + hits_at_once));
  const std::span<const word_place> words(words_.data(), listed);
  return {candidates_.data(), HWY_DYNAMIC_DISPATCH(list_hits)(hits, words, not_plain, candidates_.data())};
}

}  // namespace countem::cpu
#endif
