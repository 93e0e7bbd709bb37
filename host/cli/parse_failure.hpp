#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace countem::cli {

/// Checks the words that name a command before anything is parsed, since CLI11 reports only that one is missing. `words`: the
/// command line without the program's name.
/// @throws CLI::ParseError naming the command that was probably meant
void require_known_command(const CLI::App& app, const std::vector<std::string>& words);

/// The lines for stderr about a command line that cannot be parsed: what is wrong, what was probably meant, and whose help to
/// read. `app`: after its parse() has thrown `wrong`.
[[nodiscard]] std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& wrong);

}  // namespace countem::cli
