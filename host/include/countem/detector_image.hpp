#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include <countem/choices.hpp>
#include <countem/frame_source.hpp>

namespace countem {

/// The source itself. @throws invalid_argument when its frames are not of that shape.
[[nodiscard]] std::unique_ptr<frame_source> of_shape(std::unique_ptr<frame_source> source, frame_shape shape,
                                                     const std::filesystem::path& path);

/// What an image of the detector is for.
enum class image_role : std::uint8_t { gain, mask, weights, aperture };

/// Words and help of `image_role`.
template <>
struct choice_table<image_role> {
  /// What a value is called in a sentence.
  static constexpr std::string_view what = "role of an image";
  /// One entry per enumerator, in their order.
  static constexpr std::array<choice<image_role>, 4> entries{
      {{image_role::gain, "gain", "gain reference"},
       {image_role::mask, "mask", "mask"},
       {image_role::weights, "weights", "image of weights or electrons"},
       {image_role::aperture, "aperture", "mask or weights of an aperture"}}};
};

/// What a flat file of that role holds per pixel.
[[nodiscard]] constexpr pixel_type flat_type(image_role role) {
  return role == image_role::gain || role == image_role::weights ? pixel_type::f32 : pixel_type::u8;
}

/// An image of the detector, of any format of frames, or flat. Flat files hold no description: one of just the right size whose
/// bytes show no other format holds one value of type `flat_type(role)` per pixel, if these can be what they are for
/// (docs/formats.md).
/// @throws format_error when it cannot be read, is a raw frame of the 4D Camera, or is flat and cannot be what it is for;
/// invalid_argument when it is of another shape.
[[nodiscard]] std::unique_ptr<frame_source> open_detector_image(const std::filesystem::path& path, frame_shape shape,
                                                                image_role role);

/// The files that open_detector_image() opens.
[[nodiscard]] inline std::vector<std::filesystem::path> files_of_image(const std::filesystem::path& path) {
  return files_behind({path}, {});
}

}  // namespace countem
