#include <countem/detector_image.hpp>

#include <string>
#include <system_error>

#include <countem/error.hpp>

#include "host/core/shape_text.hpp"
#include "host/engine/flat_image.hpp"

namespace countem {

namespace {

/// Which version of the 4D Camera wrote a frame is not in its bytes, and a wrong one turns its quarters into each other.
/// @throws format_error
void refuse_camera_frames(const frame_source& image, const std::filesystem::path& path) {
  if (facts_of(image.info().format).family.empty()) return;
  throw format_error(path.string() +
                     ": holds raw frames of a camera and no image of factors or weights: save the image as .npy");
}

}  // namespace

std::unique_ptr<frame_source> of_shape(std::unique_ptr<frame_source> source, frame_shape shape,
                                       const std::filesystem::path& path) {
  if (source->info().shape != shape) {
    throw invalid_argument(path.string() + ": is of " + text_of(source->info().shape) + " pixels, the frames are of " +
                           text_of(shape) + "; give one of the same detector");
  }
  return source;
}

std::unique_ptr<frame_source> open_detector_image(const std::filesystem::path& path, frame_shape shape, image_role role) {
  const pixel_type flat = flat_type(role);
  source_options options;
  options.keep_fractions = true;
  options.image = shape;
  std::error_code unknown;
  if (std::filesystem::is_regular_file(path, unknown) &&
      std::filesystem::file_size(path, unknown) == shape.pixels() * size_of(flat)) {
    options.raw = raw_layout{shape, flat};
    options.raw_unless_recognised = true;
  }
  std::unique_ptr<frame_source> image;
  try {
    image = open_source({path}, options);
    refuse_camera_frames(*image, path);
  } catch (const format_error& reason) {
    throw format_error(std::string(reason.what()) + " (a flat file of one " + std::string(to_string(flat)) +
                           " a pixel would have " + std::to_string(shape.pixels() * size_of(flat)) + " bytes)",
                       reason.advised());
  }
  image = of_shape(std::move(image), shape, path);
  if (image->info().format == input_format("raw")) engine::check_flat_image(*image, path, role);
  return image;
}

}  // namespace countem
