#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include <countem/choices.hpp>

namespace countem::cli {

/// An option that takes one of the words of an enum's table.
template <class Value>
CLI::Option* add_choice(CLI::App& command, const std::string& name, Value& chosen, const std::string& help) {
  std::vector<std::string> words;
  for (const choice<Value>& entry : choices<Value>()) words.emplace_back(entry.word);
  return command
      .add_option_function<std::string>(
          name, [&chosen](const std::string& word) { chosen = choice_from<Value>(word); },
          help + " (" + help_of_choices<Value>() + ")")
      ->check(CLI::IsMember(words))
      ->default_str(std::string(word_of(chosen)));
}

}  // namespace countem::cli
