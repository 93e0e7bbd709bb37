#include "io/sources/mib/merlin_header.hpp"

#include <charconv>
#include <vector>

#include "io/sources/noted_values.hpp"

namespace countem::io {

namespace {

/// Those before the first zero; what follows the last comma is none.
std::vector<std::string_view> merlin_fields(std::string_view text) {
  std::vector<std::string_view> fields;
  text = text.substr(0, text.find('\0'));
  for (std::size_t comma = text.find(','); comma != std::string_view::npos; comma = text.find(',')) {
    fields.push_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(comma + 1);
  }
  if (!trimmed(text).empty()) fields.push_back(trimmed(text));
  return fields;
}

template <class Number>
bool merlin_number(std::string_view text, Number& number) {
  const auto [after, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && after == text.data() + text.size();
}

/// "2021-05-07 18:56:59.151103" or with "T" between: what the clock shows, in microseconds.
std::optional<std::uint64_t> clock_of(std::string_view text) {
  const std::size_t blank = text.find_first_of(" T");
  if (blank == std::string_view::npos || text.size() < blank + 10) return std::nullopt;
  text.remove_prefix(blank + 1);
  std::uint64_t hours = 0;
  std::uint64_t minutes = 0;
  std::uint64_t seconds = 0;
  if (!merlin_number(text.substr(0, 2), hours) || text[2] != ':' || !merlin_number(text.substr(3, 2), minutes) ||
      text[5] != ':' || !merlin_number(text.substr(6, 2), seconds) || text[8] != '.')
    return std::nullopt;
  std::uint64_t fraction = 0;
  std::uint64_t unit = 1'000'000;
  for (const char digit : text.substr(9)) {
    if (digit < '0' || digit > '9' || unit == 1) break;
    fraction = fraction * 10 + static_cast<std::uint64_t>(digit - '0');
    unit /= 10;
  }
  return ((hours * 60 + minutes) * 60 + seconds) * 1'000'000 + fraction * unit;
}

}  // namespace

std::optional<merlin_header> merlin_header_of(std::string_view bytes) {
  if (!bytes.starts_with(merlin_magic)) return std::nullopt;
  const std::vector<std::string_view> fields = merlin_fields(bytes);
  merlin_header header;
  merlin_layout& layout = header.layout;
  if (fields.size() < 10 || !merlin_number(fields[1], header.number) || !merlin_number(fields[2], layout.header_bytes) ||
      !merlin_number(fields[3], layout.chips) || !merlin_number(fields[4], layout.width) ||
      !merlin_number(fields[5], layout.height))
    return std::nullopt;
  layout.pixels = fields[6];
  layout.arrangement = fields[7];
  if (layout.pixels == "R64" && !merlin_number(fields.back(), layout.bits)) return std::nullopt;
  header.microsecond = clock_of(fields[9]);
  return header;
}

}  // namespace countem::io
