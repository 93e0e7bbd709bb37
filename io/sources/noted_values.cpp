#include "io/sources/noted_values.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "io/sources/description_text.hpp"

namespace countem::io {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

noted_values::noted_values(const std::filesystem::path& file, char separator) {
  constexpr std::size_t most_bytes = std::size_t{1} << 20U;
  std::string text = description_text(file, most_bytes);
  std::replace(text.begin(), text.end(), '\r', '\n');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t between = line.find(separator);
    if (between == std::string::npos) continue;
    std::string_view name = trimmed(std::string_view(line).substr(0, between));
    if (name.ends_with(':')) name.remove_suffix(1);
    values_.emplace(name, trimmed(std::string_view(line).substr(between + 1)));
  }
}

bool noted_values::have_any(std::initializer_list<std::string_view> names) const {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return values_.contains(name); });
}

std::string_view noted_values::text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::uint32_t> unreadable_numbers::size(std::string_view name, std::string_view text, std::uint32_t least) {
  if (text.empty()) return std::nullopt;
  const auto value = number_in<std::uint32_t>(text);
  if (value && *value >= least) return value;
  add(name, text);
  return std::nullopt;
}

std::optional<double> unreadable_numbers::real(std::string_view name, std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto value = number_in<double>(text);
  if (value && std::isfinite(*value)) return value;
  add(name, text);
  return std::nullopt;
}

void unreadable_numbers::report(const std::filesystem::path& description, std::string_view so, issue_list& issues) const {
  if (found_.empty()) return;
  issues.add("unreadable_number", description, [&] {
    return fmt::format("has {}, which cannot be: sizes are whole numbers from 1 to 2^32 - 1, lengths are finite; {}",
                       fmt::join(found_, " and "), so);
  });
}

void unreadable_numbers::add(std::string_view name, std::string_view text) {
  constexpr std::size_t most_shown = 40;
  found_.push_back(fmt::format("{} = {}{}", name, text.substr(0, most_shown), text.size() > most_shown ? "..." : ""));
}

}  // namespace countem::io
