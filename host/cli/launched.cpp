#include "host/cli/launched.hpp"

#include <dlfcn.h>
#include <fmt/core.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <countem/error.hpp>
#include <countem/threads.hpp>
#include <countem/version.hpp>

#include "host/cli/failure.hpp"
#include "host/mpi/module.hpp"

namespace countem::cli {

namespace {

constexpr const char* module_name = "libcountem_mpi.so";

/// How many processes a launcher started, by the variable that holds it.
struct launch {
  const char* variable;
  unsigned size;
};

std::optional<unsigned> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

/// Nothing where this process is the only one. Slurm's own variables are also those of a batch script, and of steps without
/// MPI: they count only where Slurm serves MPI.
std::optional<launch> launched() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const std::optional<unsigned> size = number_in(variable)) {
      if (*size > 1) return launch{variable, *size};
      return std::nullopt;
    }
  }
  const std::optional<unsigned> of_step = number_in("SLURM_STEP_NUM_TASKS");
  if (std::getenv("PMIX_RANK") != nullptr && of_step && *of_step > 1) return launch{"SLURM_STEP_NUM_TASKS", *of_step};
  return std::nullopt;
}

/// Beside the program where it was built, else where it is installed; empty where there is none.
std::filesystem::path module_path() {
  std::error_code unknown;
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path();
  for (const std::filesystem::path& place : {folder / module_name, folder / COUNTEM_MODULES_FROM_BINARIES / module_name}) {
    if (std::filesystem::exists(place, unknown)) return place;
  }
  return {};
}

std::unique_ptr<communicator> join(const launch& started) {
  const std::filesystem::path path = module_path();
  if (path.empty()) {
    throw not_compiled(fmt::format(
        "a launcher started {} processes ({}), and this build of countem has no MPI by which they could share the work: count "
        "parts with --part auto, or give --no-mpi where each process has work of its own",
        started.size, started.variable));
  }
  // Global: the parts of Open MPI that it loads itself look for it there. Never unloaded.
  void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (module == nullptr) {
    const char* const why = ::dlerror();
    throw io_error(fmt::format("MPI cannot be loaded: {}", why == nullptr ? path.string() : std::string(why)));
  }
  const auto join_ranks = reinterpret_cast<decltype(&countem_join_ranks)>(::dlsym(module, "countem_join_ranks"));
  if (join_ranks == nullptr) throw io_error(path.string() + ": is no module of countem for MPI");
  communicator_or_words made;
  join_ranks(version, &made);
  std::unique_ptr<communicator> joined(made.communicator);
  if (!joined) throw io_error(made.words);
  if (joined->self().size != started.size) {
    const unsigned size = joined->self().size;
    joined.reset();
    throw invalid_argument(fmt::format(
        "the launcher started {} processes ({}), and the MPI of this program joins {} of them: start it by the mpirun of the "
        "Open MPI that it is built with, or count parts with --part auto, or give --no-mpi where each process has work of its "
        "own",
        started.size, started.variable, size));
  }
  return joined;
}

/// Ranks that do other things than the first would wait for each other for ever.
void require_same_command(ranks& all, const std::string& command_line) {
  const std::vector<std::string> given = all.all_gather(command_line);
  all.together([&] {
    for (const std::string& line : given) {
      if (line == given.front()) continue;
      throw invalid_argument(
          fmt::format("the ranks were started with different commands, among them '{}' and '{}': give "
                      "--no-mpi where each process has work of its own",
                      given.front(), line));
    }
  });
}

/// Threads that the parallel loops of this process take where no number is given. Never ended, as that of main().
[[gnu::used]] const thread_limit* limit_of_rank = nullptr;

void prepare(ranks& all, const rank_options& options, context& ctx) {
  require_same_command(all, ctx.command_line);
  const unsigned threads = threads_of_rank(all);
  if (options.threads == 0) limit_of_rank = new thread_limit(threads);
  if (!all.is_first()) ctx.quiet = true;
  if (!all.is_first()) ctx.json = false;
}

}  // namespace

void add_no_mpi_option(CLI::App& command, bool& alone) {
  command.add_flag("--no-mpi", alone, "Work alone, though mpirun started this process as one of several");
}

void on_ranks(context& ctx, const rank_options& options, const std::function<void(ranks&)>& run) {
  const std::optional<launch> started = options.alone ? std::nullopt : launched();
  if (!started) {
    solo_communicator solo;
    ranks alone(solo);
    run(alone);
    return;
  }
  const std::unique_ptr<communicator> joined = join(*started);
  ranks all(*joined);
  try {
    prepare(all, options, ctx);
    run(all);
  } catch (...) {
    failure ended = explain(std::current_exception(), ctx.command_line);
    if (!all.have_failed_together()) {
      context::to_stderr(fmt::format("countem: {}: {}", all.name(), ended.text));
      joined->abort(ended.code);
    }
    // Before MPI ends: its launcher may end this process as soon as another has.
    if (all.is_first()) context::to_stderr(ended.text);
    throw reported_failure{ended.code};
  }
}

}  // namespace countem::cli
