// countem version: what this build is made of.
#include <fmt/core.h>

#include <countem/build_facts.hpp>

#include "host/cli/command.hpp"
#include "host/cli/describe.hpp"

namespace countem::cli {

std::string version_text() {
  const build_facts facts = describe_build();
  std::string text = fmt::format("countem {}\n", facts.version);
  text += fmt::format("commit    {}\n", facts.commit.empty() ? "unknown" : facts.commit);
  text += fmt::format("compiler  {}\n", facts.compiler);
  text += fmt::format("backends  {}\n", listed(facts.backends));
  text += fmt::format("SIMD      {}\n", facts.simd_target);
  text += fmt::format("HDF5      {}\n", facts.hdf5_version);
  text += fmt::format("oneTBB    {}", facts.tbb_version);
  return text;
}

void add_version(CLI::App& app, context& ctx) {
  CLI::App* command = app.add_subcommand("version", "Print the version and the facts of the build");
  ctx.add_output_options(*command);
  command->callback([&ctx] {
    if (!ctx.json) return ctx.answer(version_text() + "\n");
    const build_facts facts = describe_build();
    ctx.print_json({{"version", facts.version},
                    {"commit", facts.commit.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(facts.commit)},
                    {"compiler", facts.compiler},
                    {"backends", facts.backends},
                    {"simd_target", facts.simd_target},
                    {"hdf5_version", facts.hdf5_version},
                    {"tbb_version", facts.tbb_version}});
  });
}

}  // namespace countem::cli
