#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <countem/output.hpp>

namespace countem {

enum class colour_map : std::uint8_t {
  gray,
  perceptual,  ///< dark blue over green to yellow; lightness rises evenly, so that it survives print and colour blindness
  diverging,   ///< for signed values: blue below 0, near white at 0, red above; both ends are equally dark
};

/// @throws invalid_argument listing the known names.
[[nodiscard]] colour_map colour_map_from(std::string_view name);

using rgb = std::array<std::uint8_t, 3>;

/// The colour of what is not a finite number, in no map but `gray` and no colour of a direction.
constexpr rgb no_value_colour{128, 128, 128};

/// The map at `position` in [0, 1]; outside it the nearest end.
[[nodiscard]] rgb colour_of(colour_map map, double position);

/// A direction as a colour: hue = angle in radians, lightness = strength in [0, 1]. All hues of one strength look equally
/// bright.
[[nodiscard]] rgb direction_colour(double angle, double strength);

/// How numbers become colours.
struct picture_options {
  colour_map map = colour_map::perceptual;
  bool logarithmic = false;  ///< log(1 + v / u) with u the smallest positive value: zero stays zero
  /// Share of the values that may saturate at either end, so that one hot pixel does not black out the rest.
  double low_share = 0.001;
  double high_share = 0.001;
  std::optional<double> low;   ///< shown as the map's first colour, instead of what low_share gives
  std::optional<double> high;  ///< shown as the map's last colour
};

/// Places of values on a map. That of the diverging map is linear and symmetric: 0 is in its middle.
class value_scale {
 public:
  value_scale(std::span<const double> values, const picture_options& options);

  [[nodiscard]] double low() const { return value_at(0); }
  [[nodiscard]] double high() const { return value_at(1); }
  [[nodiscard]] bool logarithmic() const { return logarithmic_; }
  /// In [0, 1]; values beyond the ends are at them.
  [[nodiscard]] double position(double value) const;
  /// The value at a position.
  [[nodiscard]] double value_at(double position) const;

 private:
  [[nodiscard]] double curve(double value) const;

  bool logarithmic_;
  bool symmetric_ = false;
  double unit_ = 1;
  double low_ = 0;
  double high_ = 1;
};

/// 8-bit image, row-major; `channels` is 1 (gray) or 3 (red, green, blue).
struct picture {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint32_t channels = 1;
  std::vector<std::uint8_t> pixels;
};

/// Draws height * width values, row-major. What is not a finite number becomes middle gray (black with `gray`).
/// @throws invalid_argument when sizes contradict each other.
[[nodiscard]] picture draw(std::span<const double> values, std::uint32_t height, std::uint32_t width,
                           const picture_options& options);

/// Draws a field of vectors (row, column) as colours: direction as hue, length as lightness; the longest but `high_share` is
/// full. Frames without a direction (NaN) become middle gray.
[[nodiscard]] picture draw_directions(std::span<const double> rows, std::span<const double> columns, std::uint32_t height,
                                      std::uint32_t width, double high_share = 0.005);

/// The bytes of a PNG file.
[[nodiscard]] std::vector<std::byte> encode_png(const picture& drawn);

/// Writes a PNG; a viewer never sees half a picture. @throws io_error, invalid_argument as check_output()
void write_png(const std::filesystem::path& path, const picture& drawn, const output_rules& rules = {});

/// Draws and writes in one call, for images of any number type.
template <class T>
void write_png(const std::filesystem::path& path, std::span<const T> values, std::uint32_t height, std::uint32_t width,
               const picture_options& options = {}) {
  write_png(path, draw(std::vector<double>(values.begin(), values.end()), height, width, options));
}

}  // namespace countem
