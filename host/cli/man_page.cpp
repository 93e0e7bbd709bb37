#include "host/cli/man_page.hpp"

#include <fmt/core.h>

#include <countem/version.hpp>

#include "host/cli/exit_codes.hpp"

namespace countem::cli {

namespace {

/// Text that roff prints as it is.
std::string roff(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (safe.empty() && (c == '.' || c == '\'')) safe += "\\&";
    if (c == '\\') {
      safe += "\\e";
    } else if (c == '-') {
      safe += "\\-";
    } else if (c == '\'') {
      safe += "\\(aq";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string page_name(std::string path) {
  for (char& c : path) c = c == ' ' ? '-' : c;
  return path;
}

std::string tagged(const described_option& option) {
  std::string names;
  for (const std::string& name : option.names) names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(name));
  if (!option.value.empty() && option.names.front().starts_with('-')) names += fmt::format(" \\fI{}\\fR", roff(option.value));
  return fmt::format(".TP\n{}{}\n{}\n", names, option.many ? "..." : "", roff(option.text));
}

std::string exit_status() {
  std::string text = ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : exit_code_meanings)
    text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", static_cast<int>(code), roff(meaning));
  return text;
}

std::string see_also(const command_description& command, const command_description& program) {
  std::string pages;
  const auto add = [&](const command_description& other) {
    if (other.path != command.path)
      pages += fmt::format("{}\\fB{}\\fR(1)", pages.empty() ? "" : ", ", roff(page_name(other.path)));
  };
  add(program);
  for (const command_description& below : program.commands) add(below);
  return ".SH SEE ALSO\n" + pages + "\n";
}

}  // namespace

std::string man_page(const command_description& command, const command_description& program) {
  const std::string name = page_name(command.path);
  std::string page = fmt::format(".TH {} 1 \"\" \"countem {}\" \"User Commands\"\n", roff(in_capitals(name)), version);
  page += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(command.text));
  page +=
      fmt::format(".SH SYNOPSIS\n\\fB{}\\fR{}\n", roff(command.path), roff(usage_line(command).substr(command.path.size())));
  if (!command.arguments.empty()) page += ".SH ARGUMENTS\n";
  for (const described_option& argument : command.arguments) page += tagged(argument);
  if (!command.commands.empty()) page += ".SH COMMANDS\n";
  for (const command_description& below : command.commands)
    page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(below.path), roff(below.text));
  page += ".SH OPTIONS\n";
  for (const option_group& group : command.groups) {
    page += fmt::format(".SS {}\n", roff(group.name));
    for (const described_option& option : group.options) page += tagged(option);
  }
  if (!command.examples.empty()) page += ".SH EXAMPLES\n";
  for (const command_example& example : command.examples)
    page += fmt::format(".TP\n{}\n\\fB{}\\fR\n", roff(example.meaning), roff(example.line));
  return page + exit_status() + see_also(command, program);
}

}  // namespace countem::cli
