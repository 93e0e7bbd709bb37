#pragma once

#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace countem::io {

/// Without the blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// What a camera notes beside its frames: a text of lines that each hold a name and a value.
class noted_values {
 public:
  /// Reads the first MiB. Between name and value stands `separator`, and a colon perhaps before it. @throws io_error
  noted_values(const std::filesystem::path& file, char separator);

  /// Empty where it is absent.
  [[nodiscard]] std::string_view text(std::string_view name) const;
  /// Nothing where it is absent, or no number of this type.
  template <class T>
  [[nodiscard]] std::optional<T> number(std::string_view name) const {
    const std::string_view written = text(name);
    T value{};
    const auto [end, failure] = std::from_chars(written.data(), written.data() + written.size(), value);
    if (failure != std::errc() || end != written.data() + written.size()) return std::nullopt;
    return value;
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace countem::io
