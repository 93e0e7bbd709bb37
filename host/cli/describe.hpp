#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace countem::cli {

/// What completion offers for an option's value.
enum class value_kind { none, word, file, directory };

/// One option or argument as help, man pages and completion show it.
struct described_option {
  std::vector<std::string> names;    ///< "-o", "--output"; of an argument its name in capitals
  std::string value;                 ///< placeholder, as FILE; empty for a flag
  std::string text;                  ///< one sentence, with choices, default and conditions
  std::vector<std::string> choices;  ///< the words it takes, if these are all
  value_kind kind = value_kind::none;
  bool required = false;
  bool many = false;  ///< takes several values
};

/// Options under one heading.
struct option_group {
  std::string name;
  std::vector<described_option> options;
};

/// A command line with what it does.
struct command_example {
  std::string_view meaning;
  std::string_view line;
};

/// A command as help, man pages and completion show it: all of it read from the definitions that parse it.
struct command_description {
  std::string path;  ///< "countem bench count"
  std::string text;  ///< one sentence
  std::vector<described_option> arguments;
  std::vector<option_group> groups;
  std::vector<command_description> commands;  ///< those below it that are not hidden
  std::vector<command_example> examples;
};

/// Reads an app's definitions. `path`: the words that call it.
[[nodiscard]] command_description describe(const CLI::App& app, const std::string& path);

/// Examples of the command that `path` calls, as "countem bench count"; empty where there are none.
[[nodiscard]] std::vector<command_example> examples_of(std::string_view path);

/// A name as help shows that of an argument.
[[nodiscard]] std::string in_capitals(std::string text);

/// The first line of a command's usage, as "countem info [OPTIONS] INPUT...".
[[nodiscard]] std::string usage_line(const command_description& command);

/// Text broken into lines of at most `columns` characters; words are never broken.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// Words with ", " between them.
[[nodiscard]] std::string listed(const std::vector<std::string>& words);

}  // namespace countem::cli
