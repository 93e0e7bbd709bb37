// Putting dark, gain and mask references into a calibration.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "host/core/shape_text.hpp"
#include "host/engine/pixel_values.hpp"

namespace countem {

namespace {

void take_shape(calibration& into, frame_shape shape, const char* what) {
  if (into.shape != frame_shape{} && into.shape != shape) {
    throw invalid_argument(std::string("the ") + what + " is " + text_of(shape) + " pixels, the rest of the calibration " +
                           text_of(into.shape) + "; use references of the same detector");
  }
  into.shape = shape;
}

void add_reasons(calibration& into, const std::vector<std::uint8_t>& reasons) {
  if (std::all_of(reasons.begin(), reasons.end(), [](std::uint8_t reason) { return reason == 0; })) return;
  into.mask.resize(into.shape.pixels());
  std::transform(reasons.begin(), reasons.end(), into.mask.begin(), into.mask.begin(), std::bit_or<std::uint8_t>());
}

std::vector<float> values_of(const frame_view& image) {
  std::vector<float> values(image.shape.pixels());
  for (std::uint32_t row = 0; row < image.shape.height; ++row) {
    float* const to = values.data() + std::size_t{row} * image.shape.width;
    engine::visit_row(image, row, [to](std::uint32_t column, double value) { to[column] = static_cast<float>(value); });
  }
  return values;
}

std::string name_of(const frame_source& image, const char* what) {
  return image.info().files.empty() ? what : image.info().files.front().path.string();
}

}  // namespace

std::vector<float> read_image(const frame_source& image, const char* what) {
  const std::uint64_t frames = image.info().scan.frames();
  const std::string name = name_of(image, what);
  if (frames != 1) {
    throw format_error(name + ": holds " + std::to_string(frames) + " frames where a " + what + " is a single one");
  }
  frame_batch batch;
  image.read(0, 1, batch);
  const frame_view& frame = batch.frames.front();
  const std::uint8_t whole = frame.split == sector_split::none ? 1 : all_sectors;
  if ((frame.present & whole) != whole)
    throw format_error(name + ": the " + what + " is not complete" + reasons_of(image.info().issues));
  return values_of(frame);
}

void apply_dark(calibration& into, const dark_reference& dark) {
  take_shape(into, dark.shape, "dark reference");
  into.dark16 = dark.mean16;
  into.dark_sigma_adu = dark.sigma_adu;
  into.dark_frames = dark.frames;
  into.dark_files = dark.files;
  for (source_issue issue : dark.issues) {
    issue.kind.insert(0, dark_issue_prefix);
    into.notes.push_back(std::move(issue));
  }
  add_reasons(into, dark.mask);
}

void apply_gain(calibration& into, const frame_source& gain) {
  std::vector<float> values = read_image(gain, "gain reference");
  if (std::none_of(values.begin(), values.end(), [](float factor) { return is_usable_gain(factor); })) {
    throw format_error(name_of(gain, "gain reference") +
                       ": no pixel of the gain reference is a finite number above 0: nothing could be counted with it");
  }
  take_shape(into, gain.info().shape, "gain reference");
  into.gain = std::move(values);
  std::vector<std::uint8_t> reasons(into.gain.size());
  std::transform(into.gain.begin(), into.gain.end(), reasons.begin(),
                 [](float factor) { return is_usable_gain(factor) ? std::uint8_t{0} : std::uint8_t{mask_gain}; });
  add_reasons(into, reasons);
}

void apply_mask(calibration& into, const frame_source& mask) {
  const std::vector<float> values = read_image(mask, "mask");
  if (std::ranges::find(values, 0.0F) == values.end()) {
    throw format_error(
        name_of(mask, "mask") +
        ": masks every pixel, so that nothing could be counted: 0 marks the pixels that are used, all else masks "
        "(where it is the other way round, save its opposite)");
  }
  take_shape(into, mask.info().shape, "mask");
  std::vector<std::uint8_t> reasons(values.size());
  std::transform(values.begin(), values.end(), reasons.begin(),
                 [](float value) { return value == 0 ? std::uint8_t{0} : std::uint8_t{mask_given}; });
  add_reasons(into, reasons);
}

void apply_source_mask(calibration& into, const frame_source& frames) {
  const std::vector<std::uint8_t>& masked = frames.info().masked;
  if (masked.empty()) return;
  take_shape(into, frames.info().shape, "mask of the frames' file");
  std::vector<std::uint8_t> reasons(masked.size());
  std::transform(masked.begin(), masked.end(), reasons.begin(),
                 [](std::uint8_t is_masked) { return is_masked == 0 ? std::uint8_t{0} : std::uint8_t{mask_given}; });
  add_reasons(into, reasons);
}

}  // namespace countem
