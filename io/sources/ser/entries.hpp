#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// SER of TIA.
[[nodiscard]] const source_format& tia_ser();

}  // namespace countem::io
