#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <countem/error.hpp>

/// One table per enum holds everything that is written about its values. It follows the enum; the command line (words and
/// help), the event store and the tests read it from there.
namespace countem {

/// One value of an enum.
template <class Value>
struct choice {
  Value value;            ///< the enumerator
  std::string_view word;  ///< how it is typed and how files store it: a word that was released never changes
  std::string_view help;  ///< one short phrase, small first letter, no full stop
};

/// The table of an enum: specialise it with `what` (what a value is called in a sentence) and `entries` in the order of the
/// enumerators.
template <class Value>
struct choice_table;

/// All values of an enum, in the order of the enumerators.
template <class Value>
[[nodiscard]] constexpr std::span<const choice<Value>> choices() {
  return choice_table<Value>::entries;
}

/// The entry of a value.
template <class Value>
[[nodiscard]] constexpr const choice<Value>& choice_of(Value value) {
  for (const choice<Value>& entry : choice_table<Value>::entries) {
    if (entry.value == value) return entry;
  }
  throw invalid_argument("a " + std::string(choice_table<Value>::what) + " of number " +
                         std::to_string(static_cast<unsigned long long>(value)) + " is unknown");
}

/// The word of a value. @throws invalid_argument for a number that is no enumerator.
template <class Value>
[[nodiscard]] constexpr std::string_view word_of(Value value) {
  return choice_of(value).word;
}

/// The value of a word; empty when no value has it.
template <class Value>
[[nodiscard]] constexpr std::optional<Value> find_choice(std::string_view word) {
  for (const choice<Value>& entry : choice_table<Value>::entries) {
    if (entry.word == word) return entry.value;
  }
  return std::nullopt;
}

/// All words, as "a, b or c".
template <class Value>
[[nodiscard]] std::string listed_words() {
  std::string list;
  const auto all = choices<Value>();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i != 0) list += i + 1 == all.size() ? " or " : ", ";
    list += all[i].word;
  }
  return list;
}

/// The value of a word. @throws invalid_argument with all words for any other text.
template <class Value>
[[nodiscard]] Value choice_from(std::string_view word) {
  if (const std::optional<Value> found = find_choice<Value>(word)) return *found;
  throw invalid_argument("'" + std::string(word) + "' is no " + std::string(choice_table<Value>::what) + ": it is " +
                         listed_words<Value>());
}

/// What each word means, as "a: what a is; b: what b is".
template <class Value>
[[nodiscard]] std::string help_of_choices() {
  std::string text;
  for (const choice<Value>& entry : choices<Value>()) {
    if (!text.empty()) text += "; ";
    text += std::string(entry.word) + ": " + std::string(entry.help);
  }
  return text;
}

}  // namespace countem
