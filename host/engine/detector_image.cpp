#include <countem/detector_image.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <system_error>

#include <countem/error.hpp>

#include "host/core/shape_text.hpp"
#include "host/engine/pixel_values.hpp"

namespace countem {

namespace {

/// Whole numbers of 32 bits, and f32 of the other byte order, are as large as f32 and read as numbers next to 0.
/// @throws format_error where no value is of a size that factors have.
void check_flat_values(const frame_source& image, const std::filesystem::path& path) {
  constexpr double least = 1e-30;
  frame_batch batch;
  image.read(0, 1, batch);
  double largest = 0;
  const frame_view& frame = batch.frames.front();
  for (std::uint32_t row = 0; row < frame.shape.height; ++row) {
    engine::visit_row(frame, row, [&](std::uint32_t, double value) {
      if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    });
  }
  if (largest == 0 || largest >= least) return;
  throw format_error(
      fmt::format("{}: read as flat f32 its largest value is {:.3g}, as where pixels are whole numbers of 32 bits "
                  "or big-endian: save the image as .npy, which states their type",
                  path.string(), largest));
}

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

std::unique_ptr<frame_source> open_detector_image(const std::filesystem::path& path, frame_shape shape, pixel_type flat) {
  source_options options;
  options.keep_fractions = true;
  options.image = shape;
  std::error_code unknown;
  if (std::filesystem::is_regular_file(path, unknown) &&
      std::filesystem::file_size(path, unknown) == shape.pixels() * size_of(flat)) {
    options.raw = raw_layout{shape, flat};
    options.raw_unless_recognised = true;
  }
  try {
    auto opened = open_source({path}, options);
    refuse_camera_frames(*opened, path);
    auto image = of_shape(std::move(opened), shape, path);
    if (image->info().format == input_format("raw") && flat == pixel_type::f32) check_flat_values(*image, path);
    return image;
  } catch (const format_error& reason) {
    throw format_error(std::string(reason.what()) + " (a flat file of one " + std::string(to_string(flat)) +
                           " a pixel would have " + std::to_string(shape.pixels() * size_of(flat)) + " bytes)",
                       reason.advised());
  }
}

}  // namespace countem
