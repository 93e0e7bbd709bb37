#pragma once

#include <filesystem>
#include <vector>

#include "io/sources/source_format.hpp"

namespace countem::io {

/// Whether the file's name ends as names of this format do.
[[nodiscard]] bool has_suffix_of(const std::filesystem::path& path, const source_format& format);

/// Inputs as existing, regular, non-empty files, none of them twice; a directory stands for the files in it with suffixes of
/// `format`. Without one (null): for those of formats whose scans are several files if there are any, else of any format.
/// Hidden files, whose names begin with a dot, are none of them. What countem made of frames is left out where there are
/// others; so are darks, or, for `darks`, what is not named so.
/// @throws invalid_argument, format_error or io_error naming the input.
[[nodiscard]] std::vector<std::filesystem::path> find_input_files(const std::vector<std::filesystem::path>& inputs,
                                                                  const source_format* format, bool darks, issue_list& issues);

}  // namespace countem::io
