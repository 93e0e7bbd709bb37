#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace countem::cli {

/// Which of several processes this one is.
struct part_number {
  std::uint32_t number = 1;  ///< 1 to `of`
  std::uint32_t of = 1;
  std::string known_from;  ///< the variables of the environment that hold it; empty: it was given
};

/// The part that --part names: K/N, or auto for what the environment of the process holds (docs/cluster.md).
/// @throws invalid_argument naming the variables that are absent or contradict each other
[[nodiscard]] part_number part_from(const std::string& text);

/// The output's name with K_of_N in place of each {part}, K with as many digits as N.
/// @throws invalid_argument where the name holds no {part}: processes that are started alike would write one file
[[nodiscard]] std::filesystem::path name_of_part(const std::filesystem::path& output, const part_number& part);

}  // namespace countem::cli
