#include "host/engine/axis_numbers.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace countem::engine {

std::string number_text(double value) {
  std::array<char, 32> text{};
  const double size = std::abs(value);
  if (size >= 1000 && size < 1e6) {
    std::snprintf(text.data(), text.size(), "%.0f", value);
  } else {
    std::snprintf(text.data(), text.size(), "%.3g", size < 1e-12 ? 0 : value);
  }
  return text.data();
}

double round_below(double most) {
  const double decade = std::pow(10, std::floor(std::log10(most)));
  for (const double factor : {5.0, 2.0}) {
    if (factor * decade <= most * (1 + 1e-9)) return factor * decade;
  }
  return decade;
}

}  // namespace countem::engine
