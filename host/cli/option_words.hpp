#pragma once

#include <string_view>

#include "host/cli/describe.hpp"

namespace countem::cli {

/// How an option is presented: the same for every command that has it.
struct option_words {
  std::string_view name;   ///< "--output"; of an argument its name, as "INPUT"
  std::string_view group;  ///< heading in help; empty: what the command sets, or "Options"
  std::string_view value;  ///< placeholder of its value; empty: by its type
  value_kind kind;         ///< what completion offers
};

/// The words for an option; with empty members where the table does not have it.
[[nodiscard]] option_words words_for(std::string_view name);

/// Where a heading stands: the lower the earlier.
[[nodiscard]] int group_rank(std::string_view group);

}  // namespace countem::cli
