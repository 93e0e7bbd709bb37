#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/sources/source_issues.hpp"

namespace countem::io {

/// Without the blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// Nothing unless the whole text is a number of this type.
template <class T>
[[nodiscard]] std::optional<T> number_in(std::string_view text) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// What a camera notes beside its frames: a text of lines that each hold a name and a value.
class noted_values {
 public:
  /// Reads the first MiB. Between name and value stands `separator`, and a colon perhaps before it. @throws io_error
  noted_values(const std::filesystem::path& file, char separator);

  /// Whether one of these is there.
  [[nodiscard]] bool have_any(std::initializer_list<std::string_view> names) const;
  /// Empty where it is absent.
  [[nodiscard]] std::string_view text(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

/// Numbers of a description that are there and cannot be read: they become one issue, `unreadable_number`.
class unreadable_numbers {
 public:
  /// A whole number from `least` to 2^32 - 1; nothing where the text is empty, or no such number.
  [[nodiscard]] std::optional<std::uint32_t> size(std::string_view name, std::string_view text, std::uint32_t least = 0);
  /// A finite number.
  [[nodiscard]] std::optional<double> real(std::string_view name, std::string_view text);
  [[nodiscard]] bool any() const { return !found_.empty(); }
  /// `so`: what follows from it, "the frames are taken as one line".
  void report(const std::filesystem::path& description, std::string_view so, issue_list& issues) const;

 private:
  void add(std::string_view name, std::string_view text);
  std::vector<std::string> found_;
};

}  // namespace countem::io
