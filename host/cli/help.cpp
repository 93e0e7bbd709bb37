#include "host/cli/help.hpp"

#include <fmt/core.h>

#include "host/cli/describe.hpp"
#include "host/cli/exit_codes.hpp"

namespace countem::cli {

namespace {

constexpr std::size_t text_column = 30;

/// A name at the left and its text, wrapped, at the right; on a line of its own where the name is too long.
std::string row(const std::string& name, std::string_view text) {
  std::string rows = "  " + name;
  bool same_line = rows.size() + 2 <= text_column;
  for (const std::string& line : wrapped(text, help_columns - text_column)) {
    rows += same_line ? std::string(text_column - rows.substr(rows.rfind('\n') + 1).size(), ' ')
                      : "\n" + std::string(text_column, ' ');
    rows += line;
    same_line = false;
  }
  return rows + "\n";
}

std::string names_and_value(const described_option& option) {
  std::string names = option.names.front().starts_with("--") ? "    " : "";
  names += listed(option.names);
  if (!option.value.empty()) names += " " + option.value;
  return option.many ? names + "..." : names;
}

std::string short_name(const command_description& command) {
  return command.path.substr(command.path.rfind(' ') + 1);
}

}  // namespace

std::string help_formatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode /*mode*/) const {
  const command_description command = describe(*app, name);
  std::string help;
  for (const std::string& line : wrapped(command.text, help_columns)) help += line + "\n";
  help += "Usage: " + usage_line(command) + "\n";
  if (!command.arguments.empty()) help += "\nArguments:\n";
  for (const described_option& argument : command.arguments)
    help += row(argument.names.front() + (argument.many ? "..." : ""), argument.text);
  if (!command.commands.empty()) help += "\nCommands:\n";
  for (const command_description& below : command.commands) help += row(short_name(below), below.text);
  for (const option_group& group : command.groups) {
    help += "\n" + group.name + ":\n";
    for (const described_option& option : group.options) help += row(names_and_value(option), option.text);
  }
  if (!command.examples.empty()) help += "\nExamples:\n";
  for (const command_example& example : command.examples) help += fmt::format("  # {}\n  {}\n", example.meaning, example.line);
  if (app->get_parent() == nullptr) {
    help += "\nExit codes:\n";
    for (const auto& [code, meaning] : exit_code_meanings) help += row(std::to_string(code), meaning);
    help += "\nRun 'countem COMMAND --help' for the options of a command.\n";
  }
  return help;
}

}  // namespace countem::cli
