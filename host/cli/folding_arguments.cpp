#include "host/cli/folding_arguments.hpp"

#include <utility>

#include "host/cli/source_arguments.hpp"

namespace countem::cli {

void folding_arguments::add_to(CLI::App& command, const std::string& group) {
  command.add_option("--scan", scan_, "Scan size WIDTHxHEIGHT[xFRAMES] into which the frames of a store are folded")
      ->group(group);
  for (CLI::Option* option : add_path_options(command, path_)) option->group(group);
}

folding folding_arguments::wanted() const {
  folding wanted{{}, path_};
  if (!scan_.empty()) wanted.scan = scan_from(scan_);
  return wanted;
}

std::unique_ptr<event_store> folding_arguments::folded(std::unique_ptr<event_store> store, const std::filesystem::path& path,
                                                       context& ctx) const {
  if (!is_given()) return store;
  ctx.warn_of(misfits(*store, wanted(), path.string()));
  return fold(std::move(store), wanted());
}

}  // namespace countem::cli
