#include <countem/detector_image.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <countem/error.hpp>

#include "host/core/shape_text.hpp"
#include "host/engine/flat_image.hpp"

namespace countem {

namespace {

/// Where a flat file would do, how large it would be.
std::string words_of_flat_file(const format_error& reason, frame_shape shape, pixel_type flat) {
  const auto is_flat = [](const advice& given) { return given.kind == advice_kind::raw_layout; };
  if (std::ranges::none_of(reason.advised(), is_flat)) return {};
  return fmt::format(", or as a flat file of one {} a pixel, which has {} bytes", to_string(flat),
                     shape.pixels() * size_of(flat));
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
  } catch (const other_kind_error&) {
    throw;
  } catch (const format_error& reason) {
    const std::string text = reason.what() + words_of_flat_file(reason, shape, flat);
    std::vector<advice> advised = reason.advised();  // of those, images have but one
    std::erase_if(advised, [](const advice& given) { return given.kind != advice_kind::dataset; });
    throw format_error(text, std::move(advised));
  }
  image = of_shape(std::move(image), shape, path);
  if (image->info().format == input_format("raw")) engine::check_flat_image(*image, path, role);
  return image;
}

}  // namespace countem
