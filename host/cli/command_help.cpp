// countem help, and the hidden commands that make completion and man pages: all of them walk the definitions that parse.
#include <memory>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "host/cli/command.hpp"
#include "host/cli/completion.hpp"
#include "host/cli/describe.hpp"
#include "host/cli/man_page.hpp"
#include "host/cli/nearest.hpp"

namespace countem::cli {

namespace {

struct named_command {
  const CLI::App* app;
  std::string path;
};

/// The command that some words call. @throws invalid_argument naming the word that is no command
named_command find_command(const CLI::App& app, const std::vector<std::string>& words) {
  named_command at{&app, app.get_name()};
  for (const std::string& word : words) {
    const auto below = at.app->get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
    if (below.empty()) {
      std::vector<std::string> names;
      for (const CLI::App* command : at.app->get_subcommands({})) names.push_back(command->get_name());
      const std::string near = nearest(word, names);
      throw invalid_argument(at.path + " has no command '" + word + "'" +
                             (near.empty() ? "; 'countem help' lists them" : ": did you mean '" + near + "'?"));
    }
    at = {below.front(), at.path + " " + word};
  }
  return at;
}

}  // namespace

void add_help(CLI::App& app, context& ctx) {
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("help", "Print the help of a command");
  command->add_option("command", *words, "The command; none: the list of commands")->type_name("COMMAND");
  ctx.add_output_options(*command);
  command->callback([words, &app, &ctx] {
    const named_command asked = find_command(app, *words);
    const std::string text = asked.app->get_formatter()->make_help(asked.app, asked.path, CLI::AppFormatMode::Normal);
    if (ctx.json) return ctx.print_json({{"command", asked.path}, {"help", text}});
    ctx.answer(text);
  });
}

void add_generators(CLI::App& app, context& ctx) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion = app.add_subcommand("__completion", "Print a completion script")->group("");
  completion->add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  completion->callback([shell, &app, &ctx] {
    const command_description program = describe(app, app.get_name());
    ctx.answer(*shell == "bash" ? bash_completion(program) : zsh_completion(program));
  });

  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* man = app.add_subcommand("__man", "Print a man page")->group("");
  man->add_option("command", *words, "The command; none: the program");
  man->callback([words, &app, &ctx] {
    const named_command asked = find_command(app, *words);
    ctx.answer(man_page(describe(*asked.app, asked.path), describe(app, app.get_name())));
  });
}

}  // namespace countem::cli
