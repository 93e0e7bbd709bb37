#pragma once

#include <string>

#include "host/cli/describe.hpp"

namespace countem::cli {

/// The manual page of a command in roff. `program`: the command that all others lie below; the page refers to it.
[[nodiscard]] std::string man_page(const command_description& command, const command_description& program);

}  // namespace countem::cli
