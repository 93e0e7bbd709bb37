#pragma once

#include <CLI/CLI.hpp>

#include "host/cli/context.hpp"

namespace countem::cli {

/// `countem bench machine`: the rates that bound everything else.
void add_bench_machine(CLI::App& bench, context& ctx);

}  // namespace countem::cli
