#include "host/cli/parse_failure.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "host/cli/describe.hpp"
#include "host/cli/nearest.hpp"

namespace countem::cli {

namespace {

/// Its text is the whole explanation.
class unknown_command : public CLI::ParseError {
 public:
  explicit unknown_command(const std::string& text) : ParseError("UnknownCommand", text, CLI::ExitCodes::ExtrasError) {}
};

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* below : app.get_subcommands({})) {
    if (!below->get_group().empty()) names.push_back(below->get_name());
  }
  return names;
}

std::string meant(const std::string& typed, const std::vector<std::string>& words) {
  const std::string near = nearest(typed, words);
  return near.empty() ? std::string() : fmt::format(": did you mean '{}'?", near);
}

/// "bench count" of "countem bench count": the sentence begins with the program's name already.
std::string subject(const std::string& path) {
  const std::size_t space = path.find(' ');
  return space == std::string::npos ? path : path.substr(space + 1);
}

/// The innermost command that was parsed, and the words that call it.
struct called {
  const CLI::App* app;
  std::string path;
};

called innermost(const CLI::App& app) {
  called at{&app, app.get_name()};
  while (!at.app->get_subcommands().empty()) {
    at.app = at.app->get_subcommands().front();
    at.path += " " + at.app->get_name();
  }
  return at;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options({})) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// The sentence about the first option that the command does not have, if there is one.
std::optional<std::string> unknown_option(const CLI::App& app, const called& at) {
  for (const std::string& word : app.remaining(true)) {
    if (word.size() < 2 || word.front() != '-' || word == "--") continue;
    const std::string name = word.substr(0, word.find('='));
    return fmt::format("{} has no option {}{}", subject(at.path), name, meant(name, option_names(*at.app)));
  }
  return std::nullopt;
}

/// The sentence about an option that takes many values and took those of an argument that is missing.
std::optional<std::string> eaten_arguments(const CLI::App& app) {
  const auto options = app.get_options({});
  const auto missing = std::find_if(options.begin(), options.end(), [](const CLI::Option* option) {
    return option->get_positional() && option->get_required() && option->count() == 0;
  });
  if (missing == options.end()) return std::nullopt;
  for (const CLI::Option* option : options) {
    if (option->get_positional() || option->get_expected_max() < CLI::detail::expected_max_vector_size || option->count() < 2)
      continue;
    const std::string name = option->get_name();
    const std::string input = in_capitals((*missing)->get_name());
    return fmt::format("{} is missing: {} took all {} arguments behind it: put {} before {}, or end its list with --", input,
                       name, option->count(), input, name);
  }
  return std::nullopt;
}

/// The sentence about what is required and not given.
std::string missing_arguments(const CLI::App& app, const CLI::ParseError& wrong) {
  std::string sentence;
  for (const CLI::Option* option : app.get_options({})) {
    if (!option->get_required() || option->count() != 0) continue;
    const std::string name = option->get_positional() ? in_capitals(option->get_name()) : option->get_name();
    sentence += fmt::format("{}{} is required ({})", sentence.empty() ? "" : "; ", name, option->get_description());
  }
  return sentence.empty() ? wrong.what() : sentence;
}

/// What the option takes whose value was refused, since CLI11 reports only that a value is wrong.
std::string grammar_of(const CLI::App& app, const std::string& sentence) {
  for (const option_group& group : describe(app, "").groups) {
    for (const described_option& option : group.options) {
      const std::string& name = option.names.back();
      const std::size_t at = sentence.find(name);
      if (at == std::string::npos || option.value.empty()) continue;
      const char next = at + name.size() < sentence.size() ? sentence[at + name.size()] : ' ';
      if (next == '-' || std::isalnum(static_cast<unsigned char>(next)) != 0) continue;
      return fmt::format("\n  {} {}{}  {}", listed(option.names), option.value, option.many ? "..." : "", option.text);
    }
  }
  return {};
}

}  // namespace

void require_known_command(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  std::string path = app.get_name();
  for (const std::string& word : words) {
    if (at->get_require_subcommand_min() == 0 || word.starts_with('-')) return;
    const auto named = at->get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
    if (named.empty()) {
      throw unknown_command(fmt::format("{} no command '{}'{}\nRun '{} --help' for the list of commands.",
                                        at == &app ? "there is" : subject(path) + " has", word, meant(word, command_names(*at)),
                                        path));
    }
    at = named.front();
    path += " " + word;
  }
}

std::string explain_parse_error(const CLI::App& app, const CLI::ParseError& wrong) {
  if (dynamic_cast<const unknown_command*>(&wrong) != nullptr) return fmt::format("countem: {}\n", wrong.what());
  const called at = innermost(app);
  std::string sentence;
  if (const auto unknown = unknown_option(app, at)) {
    sentence = *unknown;
  } else if (at.app->get_require_subcommand_min() > 0) {
    sentence = fmt::format("a command is required: {}", listed(command_names(*at.app)));
  } else if (dynamic_cast<const CLI::RequiredError*>(&wrong) != nullptr) {
    sentence = eaten_arguments(*at.app).value_or(missing_arguments(*at.app, wrong));
  } else if (dynamic_cast<const CLI::ExtrasError*>(&wrong) != nullptr) {
    std::vector<std::string> extra = app.remaining(true);
    sentence = fmt::format("{} takes no further argument: {}", subject(at.path), listed(extra));
  } else {
    sentence = std::string(wrong.what()) + grammar_of(*at.app, wrong.what());
  }
  return fmt::format("countem: {}\nRun '{} --help' for {}.\n", sentence, at.path,
                     at.app->get_parent() == nullptr ? "the list of commands" : "its options");
}

}  // namespace countem::cli
