#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// SEQ of StreamPix.
[[nodiscard]] const source_format& norpix_seq();

}  // namespace countem::io
