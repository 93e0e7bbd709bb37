#include <countem/detector_image.hpp>

#include <string>
#include <system_error>

#include <countem/error.hpp>

#include "host/core/shape_text.hpp"

namespace countem {

std::unique_ptr<frame_source> of_shape(std::unique_ptr<frame_source> source, frame_shape shape,
                                       const std::filesystem::path& path) {
  if (source->info().shape != shape) {
    throw invalid_argument(path.string() + ": is of " + text_of(source->info().shape) + " pixels, the frames are of " +
                           text_of(shape) + "; give one of the same detector");
  }
  return source;
}

std::unique_ptr<frame_source> open_detector_image(const std::filesystem::path& path, frame_shape shape, pixel_type flat) {
  source_options options;
  options.keep_fractions = true;
  options.image = shape;
  std::error_code unknown;
  if (std::filesystem::is_regular_file(path, unknown) &&
      std::filesystem::file_size(path, unknown) == shape.pixels() * size_of(flat)) {
    options.format = input_format("raw");
    options.raw = raw_layout{shape, flat};
  }
  try {
    return of_shape(open_source({path}, options), shape, path);
  } catch (const format_error& reason) {
    throw format_error(std::string(reason.what()) + " (a flat file of one " + std::string(to_string(flat)) +
                           " a pixel would have " + std::to_string(shape.pixels() * size_of(flat)) + " bytes)",
                       reason.advised());
  }
}

}  // namespace countem
