#pragma once

#include <cstdint>
#include <string>

#include <countem/error.hpp>
#include <countem/reductions.hpp>

namespace countem::core {

/// From a point to a pixel, in pixels.
struct offset {
  double rows;
  double columns;
  [[nodiscard]] double squared() const { return rows * rows + columns * columns; }
};

/// Calls visit(pixel, offset of its centre from `centre`) for every pixel of a frame.
template <class Visit>
void for_pixels(frame_shape shape, detector_point centre, Visit visit) {
  std::uint64_t pixel = 0;
  for (std::uint32_t row = 0; row < shape.height; ++row) {
    for (std::uint32_t column = 0; column < shape.width; ++column, ++pixel) {
      visit(pixel, offset{static_cast<double>(row) - centre.row, static_cast<double>(column) - centre.column});
    }
  }
}

/// @throws invalid_argument when an image of the detector, `what`, is not of the frames' size.
inline void check_pixels(std::uint64_t given, frame_shape shape, const std::string& what) {
  if (given != shape.pixels()) {
    throw invalid_argument(what + " has " + std::to_string(given) + " pixels, the frames have " +
                           std::to_string(shape.pixels()));
  }
}

}  // namespace countem::core
