#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace countem::fuzz {

/// Numbers and words off the front of an input; zeros behind its end.
class byte_reader {
 public:
  explicit byte_reader(std::span<const std::uint8_t> rest) : rest_(rest) {}

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  /// Small as a rule, any number now and then.
  std::int64_t number() {
    const std::uint8_t first = byte();
    if (first < 0xf0) return first;
    std::uint64_t value = 0;
    for (unsigned count = first & 7U; count > 0; --count) value = value << 8U | byte();
    return static_cast<std::int64_t>(first < 0xf8 ? value : -value);
  }
  std::vector<std::int64_t> numbers() {
    std::vector<std::int64_t> list(byte() % 64U);
    for (std::int64_t& value : list) value = number();
    return list;
  }
  std::string text() {
    const std::size_t length = byte();
    const auto taken = rest_.first(std::min(length, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    std::string letters(taken.begin(), taken.end());
    std::erase(letters, '\0');
    return letters;
  }
  template <class Choices>
  auto one_of(const Choices& choices) {
    return choices[byte() % std::size(choices)];
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace countem::fuzz
