#include "host/cli/describe.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "host/cli/option_words.hpp"

namespace countem::cli {

namespace {

/// The words of "TEXT:{a,b}": CLI11 keeps a check's choices in the name of the type.
std::vector<std::string> choices_of(std::string_view type) {
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  std::vector<std::string> words;
  if (open == std::string_view::npos || close == std::string_view::npos) return words;
  std::string_view list = type.substr(open + 1, close - open - 1);
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    words.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return words;
}

/// "1 to 65535" of "UINT:INT in [1 - 65535]"; empty where the type has no range.
std::string range_of(std::string_view type) {
  const std::size_t open = type.find(" in [");
  const std::size_t close = type.find(']', open);
  if (open == std::string_view::npos || close == std::string_view::npos) return {};
  std::string range(type.substr(open + 5, close - open - 5));
  const std::size_t dash = range.find(" - ");
  return dash == std::string::npos ? range : range.replace(dash, 3, " to ");
}

/// The placeholder of a value: the table's, the command's own, or that of its type.
std::string value_of(const CLI::Option& option, const option_words& words) {
  if (option.get_expected_max() == 0 || option.get_type_size() == 0) return {};
  const std::string type = option.get_type_name();
  const std::string plain = type.substr(0, type.find(':'));
  const bool own = plain != "TEXT" && plain != "UINT" && plain != "INT" && plain != "FLOAT" && !plain.starts_with('{');
  if (own && !plain.empty()) return plain;
  if (type.find('{') != std::string::npos && words.kind != value_kind::none) return "WORD";  // the table means a path
  if (!words.value.empty()) return std::string(words.value);
  if (plain == "UINT" || plain == "INT") return "N";
  return plain == "FLOAT" ? "X" : "TEXT";
}

std::string names_of(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::sort(names.begin(), names.end());
  return listed(names);
}

/// The description with what the definitions add to it.
std::string text_of(const CLI::Option& option, const described_option& described) {
  std::string text = option.get_description();
  std::vector<std::string> facts;
  if (described.required) facts.emplace_back("required");
  const bool named = std::all_of(described.choices.begin(), described.choices.end(),
                                 [&](const std::string& word) { return text.find(word) != std::string::npos; });
  if (!described.choices.empty() && !named) facts.push_back("one of " + listed(described.choices));
  if (const std::string range = range_of(option.get_type_name()); !range.empty()) facts.push_back(range);
  std::string preset = option.get_default_str();
  if (preset.starts_with('[')) preset = preset.substr(1, preset.size() - 2);  // a list
  if (!preset.empty() && !described.value.empty()) facts.push_back("default " + preset);
  if (!option.get_needs().empty()) facts.push_back("with " + names_of(option.get_needs()));
  if (!option.get_excludes().empty()) facts.push_back("not with " + names_of(option.get_excludes()));
  std::string in_brackets;
  for (const std::string& fact : facts) in_brackets += (in_brackets.empty() ? "" : "; ") + fact;
  return in_brackets.empty() ? text : text + " [" + in_brackets + "]";
}

described_option describe(const CLI::Option& option) {
  const option_words words = words_for(option.get_name());
  described_option described;
  if (option.get_positional()) {
    described.names = {in_capitals(option.get_name(true))};
  } else {
    for (const std::string& name : option.get_snames()) described.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) described.names.push_back("--" + name);
  }
  described.value = value_of(option, words);
  described.choices = choices_of(option.get_type_name());
  described.kind = described.choices.empty() ? words.kind : value_kind::word;
  described.required = option.get_required();
  described.many = option.get_expected_max() >= CLI::detail::expected_max_vector_size;
  described.text = text_of(option, described);
  return described;
}

option_group& group_named(std::vector<option_group>& groups, const std::string& name) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const option_group& group) { return group.name == name; });
  return found == groups.end() ? groups.emplace_back(option_group{name, {}}) : *found;
}

}  // namespace

command_description describe(const CLI::App& app, const std::string& path) {
  command_description described{path, app.get_description(), {}, {}, {}, examples_of(path)};
  for (const CLI::Option* option : app.get_options({})) {
    if (option->get_group().empty()) continue;
    if (option->get_positional()) {
      described.arguments.push_back(describe(*option));
      continue;
    }
    const std::string_view common = words_for(option->get_name()).group;
    const bool own = option->get_group() != "Options" || common.empty();
    group_named(described.groups, own ? option->get_group() : std::string(common)).options.push_back(describe(*option));
  }
  std::stable_sort(described.groups.begin(), described.groups.end(), [](const option_group& one, const option_group& other) {
    return group_rank(one.name) < group_rank(other.name);
  });
  for (const CLI::App* below : app.get_subcommands({})) {
    if (!below->get_group().empty()) described.commands.push_back(describe(*below, path + " " + below->get_name()));
  }
  return described;
}

std::string in_capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); });
  return text;
}

std::string usage_line(const command_description& command) {
  std::string line = command.path + " [OPTIONS]";
  for (const described_option& argument : command.arguments) {
    const std::string name = argument.names.front() + (argument.many ? "..." : "");
    line += argument.required ? " " + name : " [" + name + "]";
  }
  return command.commands.empty() ? line : line + " COMMAND";
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    std::string& line = lines.back();
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      lines.emplace_back(word);
    } else {
      line.append(line.empty() ? "" : " ").append(word);
    }
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return lines;
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace countem::cli
