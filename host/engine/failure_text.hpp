#pragma once

#include <exception>
#include <string>

// Errors as text that another process makes the same errors of.
namespace countem::engine {

[[nodiscard]] std::string text_of_failure(const std::exception_ptr& thrown);

/// What text_of_failure() was given.
struct known_failure {
  std::string words;
  bool is_interruption = false;
};
[[nodiscard]] known_failure failure_from(const std::string& text);

/// Throws it again, with these words in place of its own.
[[noreturn]] void throw_failure(const std::string& text, const std::string& words);

}  // namespace countem::engine
