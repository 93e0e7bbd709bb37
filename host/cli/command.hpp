#pragma once

#include <CLI/CLI.hpp>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace countem::cli {

/// What a command may use of the program around it.
struct context {
  const std::atomic<bool>& stop;  ///< raised by Ctrl-C
  std::string command_line;       ///< as typed, for provenance
  int exit_code = 0;              ///< set by a command whose failure is an answer rather than an error
  void print_json(const nlohmann::ordered_json& object) const;  ///< the one object on stdout
};

/// Each adds one subcommand with its options and a callback that runs it. Callbacks throw countem::error on failure.
void add_simulate(CLI::App& app, context& ctx);
void add_calibrate(CLI::App& app, context& ctx);
void add_count(CLI::App& app, context& ctx);
void add_info(CLI::App& app, context& ctx);
void add_verify(CLI::App& app, context& ctx);
void add_recover(CLI::App& app, context& ctx);
void add_convert(CLI::App& app, context& ctx);
void add_reduce(CLI::App& app, context& ctx);
void add_report(CLI::App& app, context& ctx);
void add_compare(CLI::App& app, context& ctx);
void add_bench(CLI::App& app, context& ctx);

}  // namespace countem::cli
