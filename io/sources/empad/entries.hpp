#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// EMPAD: a .raw file and its description in XML.
[[nodiscard]] const source_format& empad_raw();

}  // namespace countem::io
