#include "io/sources/description_text.hpp"

#include <cstdint>

#include "io/files/file.hpp"

namespace countem::io {

namespace {

constexpr char32_t replacement = 0xfffd;

void append_utf8(std::string& text, char32_t letter) {
  const auto append = [&](char32_t bits) { text.push_back(static_cast<char>(static_cast<unsigned char>(bits))); };
  if (letter < 0x80) return append(letter);
  if (letter < 0x800) {
    append(0xc0 | (letter >> 6U));
  } else {
    if (letter < 0x1'0000) {
      append(0xe0 | (letter >> 12U));
    } else {
      append(0xf0 | (letter >> 18U));
      append(0x80 | ((letter >> 12U) & 0x3fU));
    }
    append(0x80 | ((letter >> 6U) & 0x3fU));
  }
  append(0x80 | (letter & 0x3fU));
}

std::string from_utf16(std::string_view bytes, bool big_endian) {
  const auto unit = [&](std::size_t at) -> char32_t {
    const char32_t first = static_cast<unsigned char>(bytes[at]);
    const char32_t second = static_cast<unsigned char>(bytes[at + 1]);
    return big_endian ? first << 8U | second : second << 8U | first;
  };
  std::string text;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    char32_t letter = unit(at);
    const bool leads = letter >= 0xd800 && letter < 0xdc00;
    const char32_t next = leads && at + 3 < bytes.size() ? unit(at + 2) : 0;
    if (next >= 0xdc00 && next < 0xe000) {
      letter = 0x1'0000 + ((letter - 0xd800) << 10U) + (next - 0xdc00);
      at += 2;
    } else if (letter >= 0xd800 && letter < 0xe000) {
      letter = replacement;
    }
    append_utf8(text, letter);
  }
  return text;
}

}  // namespace

std::string as_utf8(std::string_view bytes) {
  using namespace std::string_view_literals;
  if (bytes.starts_with("\xef\xbb\xbf"sv)) return std::string(bytes.substr(3));
  if (bytes.starts_with("\xff\xfe"sv)) return from_utf16(bytes.substr(2), false);
  if (bytes.starts_with("\xfe\xff"sv)) return from_utf16(bytes.substr(2), true);
  const auto is_letter = [&](std::size_t at) { return bytes[at] >= ' ' && bytes[at] <= '~'; };
  if (bytes.size() >= 4 && is_letter(0) && bytes[1] == 0 && is_letter(2) && bytes[3] == 0) return from_utf16(bytes, false);
  if (bytes.size() >= 4 && bytes[0] == 0 && is_letter(1) && bytes[2] == 0 && is_letter(3)) return from_utf16(bytes, true);
  return std::string(bytes);
}

std::string description_text(const std::filesystem::path& file, std::size_t most_bytes) {
  return as_utf8(first_bytes(file, most_bytes));
}

}  // namespace countem::io
