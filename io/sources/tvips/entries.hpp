#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// Series of TVIPS cameras.
[[nodiscard]] const source_format& tvips_series();

}  // namespace countem::io
