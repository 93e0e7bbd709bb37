#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "host/engine/picture.hpp"

namespace countem::engine {

// How figures are lettered: heights of capitals and lengths of ticks, in pixels.
inline constexpr double letter = 11;
inline constexpr double title_letter = 13;
inline constexpr double tick = 5;
inline constexpr rgb black{27, 34, 48};

/// Dark ink on a picture: lines and letters are collected and drawn once, so that strokes that cross do not darken each other.
class ink {
 public:
  ink(std::uint32_t height, std::uint32_t width);

  /// A line between two points with round ends; (x, y) counts pixels from the upper left corner of the picture.
  void line(double x0, double y0, double x1, double y1, double thickness);

  enum class anchor : std::uint8_t { left, middle, right };
  /// Where and how text stands: the baseline's point (x, y), the height of a capital letter in pixels.
  struct text_place {
    double x = 0;
    double y = 0;
    double height = 12;
    anchor at = anchor::left;
    bool upwards = false;  ///< turned by a quarter: reads from below
    double thickness = 1.5;
  };
  /// Characters without a glyph are drawn as a box.
  void text(std::string_view utf8, const text_place& place);

  /// Blends the ink over a picture of three channels and the same size.
  void onto(picture& drawn, const rgb& colour) const;

 private:
  std::uint32_t height_;
  std::uint32_t width_;
  std::vector<float> coverage_;
};

/// Width in pixels of a text whose capital letters are so high.
[[nodiscard]] double text_width(std::string_view utf8, double height);

}  // namespace countem::engine
