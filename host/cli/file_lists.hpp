#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace countem::cli {

/// Paths as given, where "@NAME" stands for those in the file NAME and "-" for those on standard input: one per line, or
/// separated by NUL bytes where there are any. Empty lines are left out; a path in a list is never a list itself. Thousands of
/// files do not fit on a command line.
/// @throws io_error a list cannot be read; format_error a list holds no path, or is longer than 64 MiB or 1,000,000 paths, or
/// one of its paths is longer than the system takes
[[nodiscard]] std::vector<std::filesystem::path> expand_file_lists(const std::vector<std::string>& given);

/// Sizes of files, added up; files that are not there count nothing.
[[nodiscard]] std::uint64_t bytes_of(const std::vector<std::filesystem::path>& files);

}  // namespace countem::cli
