#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// MIB, as Merlin detectors write it.
[[nodiscard]] const source_format& merlin_mib();

}  // namespace countem::io
