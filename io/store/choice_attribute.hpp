#pragma once

#include <hdf5.h>

#include <optional>
#include <string>

#include <countem/choices.hpp>
#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"

namespace countem::io {

/// Writes the word of a choice_table. @throws io_error
template <class Value>
void write_choice(hid_t group, const std::string& name, Value value) {
  write_attribute(group, name.c_str(), std::string(word_of(value)));
}

/// @throws format_error when no word of the table stands there
template <class Value>
[[nodiscard]] Value read_choice(hid_t group, const std::string& name) {
  const std::string word = read_text_attribute(group, name);
  if (const std::optional<Value> known = find_choice<Value>(word)) return *known;
  throw format_error("attribute " + name + " \"" + word + "\" is unknown to this version of countem");
}

}  // namespace countem::io
