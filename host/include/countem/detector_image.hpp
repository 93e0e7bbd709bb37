#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include <countem/frame_source.hpp>

namespace countem {

/// The source itself. @throws invalid_argument when its frames are not of that shape.
[[nodiscard]] std::unique_ptr<frame_source> of_shape(std::unique_ptr<frame_source> source, frame_shape shape,
                                                     const std::filesystem::path& path);

/// An image of the detector, of any format of frames, or flat. Flat files hold no description: one of just the right size whose
/// bytes show no other format holds one value of type `flat` per pixel.
/// @throws format_error when it cannot be read, is a raw frame of the 4D Camera, or read as flat f32 holds no value of a size
/// that factors have (1e-30); invalid_argument when it is of another shape.
[[nodiscard]] std::unique_ptr<frame_source> open_detector_image(const std::filesystem::path& path, frame_shape shape,
                                                                pixel_type flat);

/// The files that open_detector_image() opens.
[[nodiscard]] inline std::vector<std::filesystem::path> files_of_image(const std::filesystem::path& path) {
  return files_behind({path}, {});
}

}  // namespace countem
