#pragma once

#include "io/sources/source_format.hpp"

namespace countem::io {

/// The 4D Camera's versions.
[[nodiscard]] const source_format& camera_v1();
[[nodiscard]] const source_format& camera_v2();
[[nodiscard]] const source_format& camera_v3();
[[nodiscard]] const source_format& camera_v4();
[[nodiscard]] const source_format& camera_v5();

}  // namespace countem::io
