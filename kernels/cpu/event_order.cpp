#include "kernels/cpu/event_order.hpp"

#include <algorithm>

#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

void event_order::append_sorted(std::span<const std::uint32_t> indices, std::vector<std::uint32_t>& sorted) {
  repeated_.clear();
  for (const std::uint32_t index : indices) {
    const std::uint32_t word = index / bits_per_word;
    const std::uint64_t bit = std::uint64_t{1} << (index % bits_per_word);
    if ((words_[word] & bit) != 0) repeated_.push_back(index);
    words_[word] |= bit;
    groups_[word / bits_per_word] |= std::uint64_t{1} << (word % bits_per_word);
  }
  const std::size_t first = sorted.size();
  sorted.resize(first + indices.size());
  std::uint32_t* out = sorted.data() + first;
  for (std::uint32_t group = 0; group < groups_.size(); ++group) {
    for_set_bits(groups_[group], group * bits_per_word, [&](std::uint32_t word) {
      for_set_bits(words_[word], word * bits_per_word, [&](std::uint32_t index) { *out++ = index; });
      words_[word] = 0;
    });
    groups_[group] = 0;
  }
  if (repeated_.empty()) return;
  std::sort(repeated_.begin(), repeated_.end());
  std::uint32_t* end = std::copy(repeated_.begin(), repeated_.end(), out);
  std::inplace_merge(sorted.data() + first, out, end);
}

}  // namespace countem::cpu
