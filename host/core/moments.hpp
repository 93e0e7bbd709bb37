#pragma once

#include <countem/types.hpp>

namespace countem {

/// @throws invalid_argument: the sums of second order on frames of that shape could leave 64 bits.
[[noreturn]] void refuse_second_moments(frame_shape shape);

}  // namespace countem
