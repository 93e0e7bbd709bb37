#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// Flat binary: frames at equal distances in a file that does not describe itself.
[[nodiscard]] const source_format& flat_raw();

}  // namespace countem::io
