#pragma once

#include <optional>
#include <string>

#include <countem/reductions.hpp>

namespace countem::cli {

/// "ROW,COLUMN"; empty for "auto". @throws invalid_argument for anything else.
[[nodiscard]] std::optional<detector_point> parse_centre(const std::string& text);

}  // namespace countem::cli
