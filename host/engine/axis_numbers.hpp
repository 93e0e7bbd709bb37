#pragma once

#include <string>

namespace countem::engine {

/// A number of about three digits, as short as it can be written.
[[nodiscard]] std::string number_text(double value);

/// The largest of 1, 2, 5 times a power of ten that is not above `most`: the step between the ticks of an axis.
[[nodiscard]] double round_below(double most);

}  // namespace countem::engine
