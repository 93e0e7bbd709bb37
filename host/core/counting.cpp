#include <countem/counting.hpp>

#include <string>

#include <countem/error.hpp>

namespace countem {

namespace {

/// Method `counts` has no charges: what would change or compare them is a mistake of the caller's, not to be ignored.
void validate_counts(const calibration& used, const counting_options& options) {
  const auto refuse = [](const char* what) {
    throw invalid_argument(std::string("method counts takes each pixel's value as its number of events: ") + what);
  };
  if (!used.dark16.empty()) refuse("a dark reference cannot be subtracted");
  if (!used.gain.empty()) refuse("a gain reference cannot be applied");
  if (used.background16 != 0 || !used.pixel_background16.empty()) refuse("it has no background threshold");
  if (used.xray16 != no_xray_threshold) refuse("it has no X-ray threshold");
  if (options.row_noise != row_noise_method::none) refuse("row noise cannot be subtracted");
  if (options.background != background_method::none) refuse("the shift of a frame cannot be subtracted");
  if (options.values != event_value::none) refuse("no other value can be kept per event");
}

/// Which methods have components or a place inside a pixel.
void validate_sizes(const counting_options& options) {
  const bool sized = options.min_cluster_size > 1 || options.max_cluster_size != 0xffff'ffff;
  if (sized && options.method != counting_method::cluster) {
    throw invalid_argument("cluster size limits need method cluster: method " + std::string(word_of(options.method)) +
                           " has no components; leave them out");
  }
  const bool has_places = options.method == counting_method::cluster || options.method == counting_method::peaks;
  if (options.upsample != 1 && !has_places) {
    throw invalid_argument("upsampling needs method cluster or peaks: method " + std::string(word_of(options.method)) +
                           " places events in whole pixels");
  }
  if (options.min_cluster_size > options.max_cluster_size) {
    throw invalid_argument("the smallest cluster size wanted (" + std::to_string(options.min_cluster_size) +
                           ") is above the largest (" + std::to_string(options.max_cluster_size) + ")");
  }
}

/// The background threshold of method `peaks` makes candidates and is far too low for the others.
void validate_score(const calibration& used, const counting_options& options) {
  if (used.references_only) {
    throw invalid_argument(
        "the calibration holds references and no thresholds yet: find them from the frames that are to be counted");
  }
  const bool peaks = options.method == counting_method::peaks;
  if (peaks && !used.score16) {
    throw invalid_argument("method peaks needs a score threshold, which the calibration lacks: make one for method peaks");
  }
  if (!peaks && used.score16) {
    throw invalid_argument(
        "the calibration was made for method peaks: its background threshold makes candidates, not events; "
        "make one for method " +
        std::string(word_of(options.method)) + ", or count with method peaks");
  }
}

}  // namespace

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
  validate_sizes(options);
  validate_score(calibrated, options);
  if (options.row_noise != row_noise_method::none && options.background != background_method::none) {
    throw invalid_argument(
        "row noise and the shift of the frame cannot both be subtracted: row noise removes a shift of the frame too");
  }
  if (options.method == counting_method::counts) validate_counts(calibrated, options);
  const std::uint64_t rows = std::uint64_t{shape.height} * options.upsample;
  const std::uint64_t columns = std::uint64_t{shape.width} * options.upsample;
  if (rows > max_pixels || columns > max_pixels || rows > max_pixels / columns) {
    throw invalid_argument("upsample " + std::to_string(options.upsample) +
                           " makes an event grid of more than 2^32 - 1 pixels");
  }
}

void require_counted_events(std::uint64_t events_of_frame) {
  if (events_of_frame <= most_counted_events) return;
  throw format_error("the pixels of a frame add up to more than " + std::to_string(most_counted_events) +
                     " events: mask broken pixels, or use another method than counts for frames that were not counted by the "
                     "detector");
}

counting_plan::counting_plan(const counting_setup& setup) : setup_(setup) {
  validate(setup_);
}

counting_plan::~counting_plan() = default;

frame_shape event_grid(const counting_setup& setup) {
  return {setup.shape.height * setup.options.upsample, setup.shape.width * setup.options.upsample};
}

}  // namespace countem
