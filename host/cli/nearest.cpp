#include "host/cli/nearest.hpp"

#include <algorithm>
#include <cctype>

namespace countem::cli {

namespace {

std::string small_letters(std::string_view text) {
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return small;
}

}  // namespace

std::size_t edit_distance(std::string_view one, std::string_view other) {
  const std::string from = small_letters(one);
  const std::string to = small_letters(other);
  // cost[i][j]: the first i letters of `from` to the first j of `to`.
  std::vector<std::vector<std::size_t>> cost(from.size() + 1, std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) {
    for (std::size_t j = 0; j <= to.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (from[i - 1] != to[j - 1])});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[from.size()][to.size()];
}

std::string nearest(std::string_view typed, const std::vector<std::string>& words) {
  constexpr std::size_t longest = 64;  // a path, not a word that was mistyped
  if (typed.empty() || typed.size() > longest) return {};
  std::vector<std::string> longer;
  for (const std::string& word : words) {
    if (small_letters(word).starts_with(small_letters(typed))) longer.push_back(word);
  }
  if (longer.size() == 1) return longer.front();
  std::string best;
  std::size_t least = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& word : words) {
    const std::size_t distance = edit_distance(typed, word);
    if (distance < least) {
      least = distance;
      best = word;
    }
  }
  return best;
}

}  // namespace countem::cli
