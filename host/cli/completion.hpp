#pragma once

#include <string>

#include "host/cli/describe.hpp"

namespace countem::cli {

/// A bash completion script for a program and the commands below it.
[[nodiscard]] std::string bash_completion(const command_description& program);

/// A zsh completion function for a program and the commands below it.
[[nodiscard]] std::string zsh_completion(const command_description& program);

}  // namespace countem::cli
