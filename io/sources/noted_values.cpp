#include "io/sources/noted_values.hpp"

#include <sstream>

#include "io/files/file.hpp"

namespace countem::io {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

noted_values::noted_values(const std::filesystem::path& file, char separator) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20U;
  std::istringstream lines(first_bytes(file, most_bytes));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t between = line.find(separator);
    if (between == std::string::npos) continue;
    std::string_view name = trimmed(std::string_view(line).substr(0, between));
    if (name.ends_with(':')) name.remove_suffix(1);
    values_.emplace(name, trimmed(std::string_view(line).substr(between + 1)));
  }
}

std::string_view noted_values::text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace countem::io
