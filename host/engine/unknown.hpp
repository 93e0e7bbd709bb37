#pragma once

#include <limits>

namespace countem::engine {

/// The value of what cannot be known: of too few electrons, or of none.
inline constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace countem::engine
