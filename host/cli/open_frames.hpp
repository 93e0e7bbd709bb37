#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <countem/frame_source.hpp>

#include "host/cli/context.hpp"

namespace countem::cli {

/// open_source(), with a line of progress on stderr where it takes long and --quiet was not given. @throws as open_source()
[[nodiscard]] std::unique_ptr<frame_source> open_frames(const std::vector<std::filesystem::path>& inputs,
                                                        const source_options& options, const context& ctx);

}  // namespace countem::cli
