#include "io/deflate/code.hpp"

#include <algorithm>
#include <queue>
#include <utility>
#include <vector>

namespace countem::io {

unsigned length_code(unsigned length) {
  const auto above = std::upper_bound(length_base.begin(), length_base.end(), length);
  return static_cast<unsigned>(above - length_base.begin()) - 1;
}

namespace {

/// Depths of the leaves of the Huffman tree; ties go to the symbol or subtree made first, so that the result is one.
unsigned tree_depths(std::span<const std::uint64_t> occurrences, std::span<std::uint8_t> depths) {
  using weighted_node = std::pair<std::uint64_t, std::size_t>;
  std::priority_queue<weighted_node, std::vector<weighted_node>, std::greater<>> roots;
  for (std::size_t symbol = 0; symbol < occurrences.size(); ++symbol) {
    if (occurrences[symbol] != 0) roots.emplace(occurrences[symbol], symbol);
  }
  std::fill(depths.begin(), depths.end(), std::uint8_t{0});
  if (roots.empty()) return 0;
  if (roots.size() == 1) return depths[roots.top().second] = 1;

  std::vector<std::pair<std::size_t, std::size_t>> children;  // of node occurrences.size() + index
  while (roots.size() > 1) {
    const weighted_node light = roots.top();
    roots.pop();
    const weighted_node heavy = roots.top();
    roots.pop();
    roots.emplace(light.first + heavy.first, occurrences.size() + children.size());
    children.emplace_back(light.second, heavy.second);
  }
  std::vector<unsigned> inner_depth(children.size(), 0);
  unsigned deepest = 0;
  for (std::size_t inner = children.size(); inner-- > 0;) {
    const unsigned depth = inner_depth[inner] + 1;
    for (const std::size_t child : {children[inner].first, children[inner].second}) {
      if (child >= occurrences.size()) {
        inner_depth[child - occurrences.size()] = depth;
      } else {
        depths[child] = static_cast<std::uint8_t>(std::min(depth, 255U));
        deepest = std::max(deepest, depth);
      }
    }
  }
  return deepest;
}

}  // namespace

void huffman_lengths(std::span<const std::uint64_t> occurrences, unsigned longest, std::span<std::uint8_t> lengths) {
  // Flattening the distribution until the tree is shallow enough costs next to nothing: only the rarest symbols are too deep.
  std::vector<std::uint64_t> flattened(occurrences.begin(), occurrences.end());
  while (tree_depths(flattened, lengths) > longest) {
    for (std::uint64_t& count : flattened) {
      if (count != 0) count = count / 2 + 1;
    }
  }
}

void canonical_codes(std::span<const std::uint8_t> lengths, std::span<std::uint16_t> codes) {
  std::array<unsigned, longest_literal_code + 1> with_length{};
  for (const std::uint8_t length : lengths) ++with_length[length];
  with_length[0] = 0;
  std::array<unsigned, longest_literal_code + 1> next{};
  for (unsigned length = 1; length <= longest_literal_code; ++length)
    next[length] = (next[length - 1] + with_length[length - 1]) << 1U;
  for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    unsigned code = lengths[symbol] == 0 ? 0 : next[lengths[symbol]]++;
    unsigned reversed = 0;
    for (unsigned bit = 0; bit < lengths[symbol]; ++bit, code >>= 1U) reversed = reversed << 1U | (code & 1U);
    codes[symbol] = static_cast<std::uint16_t>(reversed);
  }
}

bool is_complete_code(std::span<const std::uint8_t> lengths) {
  unsigned used = 0;
  for (const std::uint8_t length : lengths) {
    if (length > longest_literal_code) return false;
    if (length != 0) used += 1U << (longest_literal_code - length);
  }
  return used == 1U << longest_literal_code;
}

}  // namespace countem::io
