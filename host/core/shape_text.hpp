#pragma once

#include <string>

#include <countem/types.hpp>

namespace countem {

/// "HEIGHT x WIDTH", for sentences.
[[nodiscard]] inline std::string text_of(frame_shape shape) {
  return std::to_string(shape.height) + " x " + std::to_string(shape.width);
}

}  // namespace countem
