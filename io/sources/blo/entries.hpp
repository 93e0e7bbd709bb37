#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// Block files of NanoMEGAS.
[[nodiscard]] const source_format& nanomegas_blo();

}  // namespace countem::io
