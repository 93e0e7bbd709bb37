#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <countem/error.hpp>

namespace countem {

/// Something about the input that does not stop us but should be known: one clear sentence.
struct source_issue {
  std::string kind;  ///< short, stable, snake_case: "truncated_record", "missing_sector", "position_outside_scan", ...
  std::string text;  ///< begins with the file's path where it concerns one file
  std::uint64_t occurrences = 1;  ///< how many of this kind the sentence stands for
  std::vector<advice> advised{};  ///< what to give, in the caller's words, so that it does not happen
  friend bool operator==(const source_issue&, const source_issue&) = default;
};

/// Whether users are warned. What was taken over from a file as it stands there is noted, and nothing is wrong.
[[nodiscard]] inline bool is_fault(const source_issue& issue) {
  return issue.kind != "axes_taken";
}

/// ": first; second": the faults as the end of a sentence; empty where there are none.
[[nodiscard]] inline std::string reasons_of(const std::vector<source_issue>& issues) {
  std::string reasons;
  for (const source_issue& issue : issues) {
    if (is_fault(issue)) reasons += (reasons.empty() ? ": " : "; ") + issue.text;
  }
  return reasons;
}

}  // namespace countem
