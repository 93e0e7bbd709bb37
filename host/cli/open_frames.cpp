#include "host/cli/open_frames.hpp"

#include <countem/opening.hpp>

#include "host/cli/progress.hpp"

namespace countem::cli {

std::unique_ptr<frame_source> open_frames(const std::vector<std::filesystem::path>& inputs, const source_options& options,
                                          const context& ctx) {
  opening_display display(ctx.quiet);
  return open_source(inputs, options, [&](const opening_progress& now) { display.update(now); });
}

}  // namespace countem::cli
