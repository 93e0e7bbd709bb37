#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "host/cli/exit_codes.hpp"

namespace countem::cli {

/// What is printed where memory is lacking, perhaps for any other sentence as well.
inline constexpr std::string_view out_of_memory = "countem: not enough memory: use fewer --threads or smaller frames\n";

/// How the program ends when a command throws.
struct failure {
  exit_code code;
  std::string text;  ///< lines for stderr, with their ends
};

/// Thrown where the sentence of a failure was printed already: by this process, or by another of its job.
struct reported_failure {
  exit_code code;
};

/// The exit code and the sentence of an exception. Whatever is neither ours nor the system's is a bug, and its text lists what
/// a report of it needs. `command_line`: as typed.
[[nodiscard]] failure explain(const std::exception_ptr& thrown, const std::string& command_line);

}  // namespace countem::cli
