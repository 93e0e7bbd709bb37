#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

// Texts that cameras and microscopes write beside frames.
namespace countem::io {

/// Text in UTF-8, without a byte order mark; UTF-16 is recognised by its mark, or by the zeros between its first letters. What
/// is no text stays as it is.
[[nodiscard]] std::string as_utf8(std::string_view bytes);

/// The beginning of a file as_utf8(). @throws io_error
[[nodiscard]] std::string description_text(const std::filesystem::path& file, std::size_t most_bytes);

}  // namespace countem::io
