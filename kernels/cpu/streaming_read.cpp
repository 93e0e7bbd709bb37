#include "kernels/cpu/streaming_read.hpp"

#include <array>
#include <cstddef>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/streaming_read.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

std::uint64_t sum_words(const std::uint64_t* words, std::size_t count) {
  const hn::ScalableTag<std::uint64_t> tag;
  const std::size_t lanes = hn::Lanes(tag);
  auto even = hn::Zero(tag);
  auto odd = hn::Zero(tag);
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    even = hn::Add(even, hn::LoadU(tag, words + i));
    odd = hn::Add(odd, hn::LoadU(tag, words + i + lanes));
  }
  // Lanes are added one by one: sums of 64-bit lanes are signed in the compiler's own header, where an overflow is undefined.
  std::array<std::uint64_t, hn::MaxLanes(tag)> rest{};
  hn::StoreU(hn::Add(even, odd), tag, rest.data());
  std::uint64_t sum = std::accumulate(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(lanes), std::uint64_t{0});
  for (; i < count; ++i) sum += words[i];
  return sum;
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

HWY_EXPORT(sum_words);

std::uint64_t streaming_read(const std::uint64_t* words, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(sum_words)(words, count);
}

}  // namespace countem::cpu
#endif
