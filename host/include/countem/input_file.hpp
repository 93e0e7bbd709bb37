#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <countem/source_issue.hpp>

namespace countem {

/// What shows that a file is no longer the one it was: it changes when the file is written to, or replaced by another.
struct file_state {
  std::uint64_t bytes = 0;       ///< size
  std::int64_t modified_ns = 0;  ///< when its contents were last written, since 1970
  std::int64_t changed_ns = 0;   ///< when contents or attributes last changed, since 1970; cannot be set by a program
  std::uint64_t device = 0;      ///< of the file system that holds it
  std::uint64_t inode = 0;       ///< its number there
  friend bool operator==(const file_state&, const file_state&) = default;
};

/// A file that is read.
struct input_file {
  std::filesystem::path path;  ///< as the caller gave it, or as a link inside another file leads to it
  std::uint64_t bytes = 0;     ///< its size when it was opened
  file_state opened{};         ///< its state when it was opened; all zeros: unknown, and never reported as changed
  friend bool operator==(const input_file&, const input_file&) = default;
};

/// The file as it is now. @throws io_error
[[nodiscard]] input_file input_now(const std::filesystem::path& path);

/// One issue of the kind "input_changed" for each file that is not what it was when it was opened: what was read of it may mix
/// two contents. A file that another program still appends to is such a file. "input_not_examined": that cannot be found out.
[[nodiscard]] std::vector<source_issue> changed_inputs(std::span<const input_file> files);

/// Those of this kind in a list that issues_text() made; none where it is no such list.
[[nodiscard]] std::vector<source_issue> changes_in(const std::string& text);

/// Issues as the JSON list that stores and reports hold, objects with kind, text and occurrences, and with advice where there
/// is any; `before`: such a list, or empty, to which they are added.
[[nodiscard]] std::string issues_text(std::span<const source_issue> issues, const std::string& before = {});
/// What issues_text() made, as issues again; entries that are none are left out, and so is advice that is not known.
[[nodiscard]] std::vector<source_issue> issues_from(const std::string& text);

}  // namespace countem
