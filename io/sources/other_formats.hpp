#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace countem::io {

/// What a file is that begins with these bytes and holds no frames that we read, and what to do with it, as a sentence without
/// its name; empty where it is not known.
[[nodiscard]] std::string what_else_begins_so(const std::filesystem::path& file, std::string_view first_bytes);

}  // namespace countem::io
