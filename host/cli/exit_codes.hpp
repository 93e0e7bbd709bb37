#pragma once

#include <array>
#include <string_view>

namespace countem::cli {

/// What the program returns.
enum exit_code : int {
  done = 0,
  usage = 2,
  bad_input = 3,
  io_failure = 4,
  no_backend = 5,
  surprise = 70,
  user_interrupt = 130
};

/// One row of the table that help, man pages and documents show.
struct exit_code_meaning {
  exit_code code;
  std::string_view meaning;
};

/// Every code, in ascending order.
inline constexpr std::array<exit_code_meaning, 7> exit_code_meanings{{
    {done, "done"},
    {usage, "usage: an option or argument is wrong or missing"},
    {bad_input, "bad input: a file is not what it claims to be, or verify found faults"},
    {io_failure, "I/O failure: the system refused (no such file, no permission, disk full, out of memory)"},
    {no_backend, "the backend is not available: not compiled, or no device answers"},
    {surprise, "internal error: a bug of countem, to be reported"},
    {user_interrupt, "interrupted; what was finished is kept"},
}};

}  // namespace countem::cli
