#include "kernels/cpu/streaming_read.hpp"

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
  std::uint64_t sum = hn::GetLane(hn::SumOfLanes(tag, hn::Add(even, odd)));
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
