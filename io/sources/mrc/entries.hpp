#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// MRC2014.
[[nodiscard]] const source_format& mrc_movie();

}  // namespace countem::io
