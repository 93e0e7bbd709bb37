#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// DM3 and DM4 of Digital Micrograph.
[[nodiscard]] const source_format& digital_micrograph();

}  // namespace countem::io
