#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// NumPy's own format.
[[nodiscard]] const source_format& numpy_npy();

}  // namespace countem::io
