#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "io/sources/source_format.hpp"

// What shows of which format files are, from the strongest evidence to the weakest.
namespace countem::io {

/// The format that a file has whatever its name, which begins so. Null: none.
[[nodiscard]] const source_format* format_by_beginning(const std::filesystem::path& file, std::string_view first_bytes);

/// The format that is recognised by the first file's first bytes, or by its suffix and what is behind it. Null: none.
[[nodiscard]] const source_format* format_by_contents(const std::vector<std::filesystem::path>& files,
                                                      std::string_view first_bytes);

/// The format of which a file with this suffix is, where nothing else shows it. Null: none.
[[nodiscard]] const source_format* format_by_suffix(const std::filesystem::path& file);

/// The format of which files are described, as flat binary ones. Null: none.
[[nodiscard]] const source_format* format_by_description();

}  // namespace countem::io
