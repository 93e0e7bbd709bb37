#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/context.hpp"

namespace countem::cli {

/// Each adds one subcommand with its options and a callback that runs it. Callbacks throw countem::error on failure.
void add_simulate(CLI::App& app, context& ctx);
void add_calibrate(CLI::App& app, context& ctx);
void add_count(CLI::App& app, context& ctx);
void add_index(CLI::App& app, context& ctx);
void add_info(CLI::App& app, context& ctx);
void add_verify(CLI::App& app, context& ctx);
void add_recover(CLI::App& app, context& ctx);
void add_merge(CLI::App& app, context& ctx);
void add_convert(CLI::App& app, context& ctx);
void add_reduce(CLI::App& app, context& ctx);
void add_parallax(CLI::App& app, context& ctx);
void add_report(CLI::App& app, context& ctx);
void add_compare(CLI::App& app, context& ctx);
void add_bench(CLI::App& app, context& ctx);
/// `countem version`: the build's facts.
void add_version(CLI::App& app, context& ctx);
/// `countem help [COMMAND]`.
void add_help(CLI::App& app, context& ctx);
/// `countem __completion SHELL` and `countem __man [COMMAND]`, which the build runs; no help lists them.
void add_generators(CLI::App& app, context& ctx);

/// What --version prints: the version in its first line, the facts of the build in the others.
[[nodiscard]] std::string version_text();

}  // namespace countem::cli
