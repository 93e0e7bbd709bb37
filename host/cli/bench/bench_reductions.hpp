#pragma once

#include "host/cli/command.hpp"

namespace countem::cli {

/// Adds `reductions` to `countem bench`.
void add_bench_reductions(CLI::App& bench, context& ctx);

}  // namespace countem::cli
