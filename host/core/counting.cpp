#include <countem/counting.hpp>

#include <string>

#include <countem/error.hpp>

namespace countem {

void validate(const counting_setup& setup) {
  const auto& [shape, type, calibrated, options] = setup;
  if (shape.height == 0 || shape.width == 0 || shape.pixels() > max_pixels) {
    throw invalid_argument("a frame of " + std::to_string(shape.height) + " x " + std::to_string(shape.width) +
                           " pixels cannot be counted: it must hold 1 to 2^32 - 1 pixels");
  }
  validate(calibrated, shape);
  if (options.upsample == 0 || options.upsample > 64) {
    throw invalid_argument("upsample " + std::to_string(options.upsample) + " is not in 1 to 64");
  }
  const bool sized = options.min_cluster_size > 1 || options.max_cluster_size != 0xffff'ffff;
  if (options.method != counting_method::cluster && (options.upsample != 1 || sized)) {
    throw invalid_argument("upsampling and cluster size limits need method cluster: the other methods have no components");
  }
  if (options.min_cluster_size > options.max_cluster_size) {
    throw invalid_argument("the smallest cluster size wanted (" + std::to_string(options.min_cluster_size) +
                           ") is above the largest (" + std::to_string(options.max_cluster_size) + ")");
  }
  const std::uint64_t rows = std::uint64_t{shape.height} * options.upsample;
  const std::uint64_t columns = std::uint64_t{shape.width} * options.upsample;
  if (rows > max_pixels || columns > max_pixels || rows > max_pixels / columns) {
    throw invalid_argument("upsample " + std::to_string(options.upsample) +
                           " makes an event grid of more than 2^32 - 1 pixels");
  }
}

counting_plan::counting_plan(const counting_setup& setup) : setup_(setup) {
  validate(setup_);
}

counting_plan::~counting_plan() = default;

frame_shape event_grid(const counting_setup& setup) {
  return {setup.shape.height * setup.options.upsample, setup.shape.width * setup.options.upsample};
}

}  // namespace countem
