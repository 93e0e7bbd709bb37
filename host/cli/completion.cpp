#include "host/cli/completion.hpp"

#include <fmt/core.h>

namespace countem::cli {

namespace {

std::string spaced(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

template <class Visit>
void for_options(const command_description& command, Visit visit) {
  for (const option_group& group : command.groups) {
    for (const described_option& option : group.options) visit(option);
  }
}

template <class Visit>
void for_commands(const command_description& command, Visit visit) {
  visit(command);
  for (const command_description& below : command.commands) for_commands(below, visit);
}

std::vector<std::string> names_of_commands(const command_description& command) {
  std::vector<std::string> names;
  for (const command_description& below : command.commands) names.push_back(below.path.substr(below.path.rfind(' ') + 1));
  return names;
}

std::string quoted_patterns(const std::string& path, const std::vector<std::string>& names) {
  std::string patterns;
  for (const std::string& name : names) patterns += fmt::format("{}\"{}|{}\"", patterns.empty() ? "" : "|", path, name);
  return patterns;
}

/// In zsh's specifications brackets and colons separate, and the whole stands in single quotes.
std::string zsh_text(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') safe += '\\';
    if (c == '\'') {
      safe += "'\\''";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string zsh_action(const described_option& option) {
  if (!option.choices.empty()) return "(" + spaced(option.choices) + ")";
  switch (option.kind) {
    case value_kind::file: return "_files";
    case value_kind::directory: return "_files -/";
    case value_kind::none:
    case value_kind::word: break;
  }
  return " ";
}

std::string zsh_option(const described_option& option) {
  std::string specifications;
  for (const std::string& name : option.names) {
    specifications += fmt::format(" \\\n      '{}{}[{}]{}'", option.many ? "*" : "", name, zsh_text(option.text),
                                  option.value.empty() ? "" : ":" + zsh_text(option.value) + ":" + zsh_action(option));
  }
  return specifications;
}

std::string zsh_arguments(const command_description& command) {
  std::string specifications;
  for_options(command, [&](const described_option& option) { specifications += zsh_option(option); });
  for (const described_option& argument : command.arguments) {
    specifications +=
        fmt::format(" \\\n      '{}:{}:{}'", argument.many ? "*" : "", zsh_text(argument.names.front()), zsh_action(argument));
  }
  return specifications;
}

std::string zsh_function_name(std::string path) {
  for (char& c : path) c = c == ' ' ? '_' : c;
  return "_" + path;
}

std::string zsh_function(const command_description& command) {
  if (command.commands.empty())
    return fmt::format("{}() {{\n  _arguments{}\n}}\n\n", zsh_function_name(command.path), zsh_arguments(command));
  std::string listed;
  std::string calls;
  for (const command_description& below : command.commands) {
    const std::string name = below.path.substr(below.path.rfind(' ') + 1);
    listed += fmt::format("        '{}:{}'\n", name, zsh_text(below.text));
    calls += fmt::format("        {}) {} ;;\n", name, zsh_function_name(below.path));
  }
  return fmt::format(
      "{0}() {{\n  local curcontext=$curcontext state line\n  _arguments -C{1} \\\n      '1:command:->command' "
      "'*::argument:->argument'\n  case $state in\n    command)\n      local -a commands=(\n{2}      )\n      _describe "
      "command commands ;;\n    argument)\n      case $line[1] in\n{3}      esac ;;\n  esac\n}}\n\n",
      zsh_function_name(command.path), zsh_arguments(command), listed, calls);
}

}  // namespace

std::string bash_completion(const command_description& program) {
  std::string paths;
  std::string values;
  std::string options;
  std::string commands;
  for_commands(program, [&](const command_description& command) {
    if (command.path != program.path) paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", command.path);
    std::vector<std::string> names;
    for_options(command, [&](const described_option& option) {
      names.insert(names.end(), option.names.begin(), option.names.end());
      const std::string patterns = quoted_patterns(command.path, option.names);
      if (!option.choices.empty())
        values += fmt::format("    {}) words=\"{}\" ;;\n", patterns, spaced(option.choices));
      else if (option.kind == value_kind::directory)
        values += fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -d -- \"$current\"); return ;;\n", patterns);
      else if (!option.value.empty())
        values += fmt::format("    {}) return ;;\n", patterns);
    });
    options += fmt::format("      \"{}\") words=\"{}\" ;;\n", command.path, spaced(names));
    if (!command.commands.empty())
      commands += fmt::format("      \"{}\") words=\"{}\" ;;\n", command.path, spaced(names_of_commands(command)));
  });
  return fmt::format(R"(# bash completion for {0}; made from its definitions.
_{0}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} path={0} words="" i
  # "--option=value" is three words here.
  if [[ $current == "=" ]]; then
    current=""
  elif [[ $previous == "=" ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case "$path ${{COMP_WORDS[i]}}" in
      {1}) path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  COMPREPLY=()
  case "$path|$previous" in
{2}  esac
  if [[ -z $words && $current == -* ]]; then
    case "$path" in
{3}    esac
  elif [[ -z $words ]]; then
    case "$path" in
{4}    esac
  fi
  # Without words the shell completes names of files.
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}}
complete -o default -F _{0} {0}
)",
                     program.path, paths, values, options, commands);
}

std::string zsh_completion(const command_description& program) {
  std::string script = fmt::format("#compdef {0}\n# zsh completion for {0}; made from its definitions.\n\n", program.path);
  for_commands(program, [&](const command_description& command) { script += zsh_function(command); });
  return script + zsh_function_name(program.path) + " \"$@\"\n";
}

}  // namespace countem::cli
