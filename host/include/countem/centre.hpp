#pragma once

#include <optional>
#include <string>

#include <countem/counting.hpp>
#include <countem/frame_source.hpp>
#include <countem/reductions.hpp>

namespace countem {

/// "ROW,COLUMN"; empty for "auto". @throws invalid_argument for anything else.
[[nodiscard]] std::optional<detector_point> parse_centre(const std::string& text);

/// The centre of the bright disk on the sum of some frames of the source, evenly spread, counted for this alone.
[[nodiscard]] detector_point sampled_centre(const frame_source& source, const counting_setup& setup);

}  // namespace countem
