#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <countem/saved_image.hpp>

#include "host/engine/picture.hpp"

namespace countem {

/// What an image shows, as saved_image holds it.
struct image_words {
  std::string_view name;     ///< "sum", "com_row", "virtual_0", ...; "bright_field" and "dark_field" of a count
  std::string_view units;    ///< of the values
  std::string_view meaning;  ///< of a virtual detector or of weights: what they are
  image_axes axes{};         ///< where its values lie; unknown: pixels or positions from 0 on
};

/// How an image of this name is coloured: sums and maxima of the detector logarithmically, values of both signs with the
/// diverging map, completeness from 0 to 1.
[[nodiscard]] picture_options options_for(std::string_view name, std::span<const double> values);

/// Title, colour bar and axes of an image of a scan or a detector.
/// @throws invalid_argument when sizes contradict each other.
[[nodiscard]] picture draw_image_figure(const image_words& words, std::span<const double> values, std::uint32_t height,
                                        std::uint32_t width);

/// The image alone, its pixels as square blocks where it is small.
[[nodiscard]] picture draw_image_plain(const image_words& words, std::span<const double> values, std::uint32_t height,
                                       std::uint32_t width);

}  // namespace countem
