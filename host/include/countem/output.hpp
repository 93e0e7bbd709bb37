#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace countem {

/// What may happen to a file that stands where an output is to be made. Files that are read to make it are never replaced.
enum class existing_file : std::uint8_t {
  kept,             ///< it is an error, whatever it is
  replaced_if_own,  ///< replaced when it is whole and of the kind that is written, or empty; else an error
  replaced,         ///< replaced whatever it is, and so is what a process that has ended left unfinished
};

/// The conditions under which an output may be made.
struct output_rules {
  existing_file existing = existing_file::replaced_if_own;  ///< what happens to a file of this name
  std::vector<std::filesystem::path> inputs;                ///< never written to, by whatever name or link
  /// On disk before it gets its name. Without: for what is soon written anew.
  bool durable = true;
};

/// A kind of file that countem writes.
struct output_kind {
  std::string_view words;  ///< "an event store"
  /// Whether a file is whole and of this kind. @throws io_error when that cannot be found out
  bool (*is_own)(const std::filesystem::path& path);
};

/// Checks before any work is spent on it that an output can be made; the function that makes it checks again. Nothing is
/// written.
/// @throws invalid_argument it is "-", one of the inputs, or a file that the rules do not allow to replace; io_error it is no
/// regular file, or its folder is absent or cannot be written to
void check_output(const std::filesystem::path& path, const output_kind& kind, const output_rules& rules);

}  // namespace countem
