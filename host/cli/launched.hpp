#pragma once

#include <functional>

#include <countem/ranks.hpp>

#include "host/cli/context.hpp"

namespace countem::cli {

/// How a command works on several ranks.
struct rank_options {
  unsigned threads = 0;  ///< as given; 0: those of a machine are divided among its ranks
  bool alone = false;    ///< whatever started this process, it has no others
};

/// Adds --no-mpi.
void add_no_mpi_option(CLI::App& command, bool& alone);

/// Runs a command on the ranks of the MPI job that this process is of; alone where no launcher started it as one of several.
/// All but rank 0 are silent. An error of any rank is printed once, by rank 0.
/// @throws reported_failure then; what `run` throws where it is alone; not_compiled where a launcher started several and this
/// build has no MPI
void on_ranks(context& ctx, const rank_options& options, const std::function<void(ranks&)>& run);

}  // namespace countem::cli
