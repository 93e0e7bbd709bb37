#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <countem/store_geometry.hpp>

#include "host/engine/picture.hpp"

namespace countem {

/// The words of a figure and the scale of its axes.
struct figure_labels {
  std::string title;
  std::string values;           ///< what the colours show, with its unit: "electrons per pixel"
  std::string axis = "pixels";  ///< unit of both axes
  axis_scale rows;              ///< where the rows of the image lie in it
  axis_scale columns;           ///< where the columns lie
};

/// Draws an image as a figure: title, axes with numbers, and a colour bar with the numbers at its ends and middle; a
/// logarithmic scale is named, and so is the colour of what is not a number where there is any. Small images are drawn with
/// square blocks per pixel. Saturated values lie beyond the ends of the bar.
/// @throws invalid_argument when sizes contradict each other.
[[nodiscard]] picture draw_figure(std::span<const double> values, std::uint32_t height, std::uint32_t width,
                                  const picture_options& options, const figure_labels& labels);

/// Square blocks of this many pixels per side show a small image large enough to be seen.
[[nodiscard]] std::uint32_t block_of(std::uint32_t height, std::uint32_t width);

/// An image with each pixel as a block of factor x factor pixels.
[[nodiscard]] picture enlarged(const picture& small, std::uint32_t factor);

}  // namespace countem
