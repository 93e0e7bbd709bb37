#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace countem::cli {

/// Letters to insert, remove, replace or exchange with their neighbour to make one word of another; case does not matter.
[[nodiscard]] std::size_t edit_distance(std::string_view one, std::string_view other);

/// The word that was probably meant: the one that begins with what was typed if it is the only one, else the nearest. Empty
/// where none is near.
[[nodiscard]] std::string nearest(std::string_view typed, const std::vector<std::string>& words);

}  // namespace countem::cli
