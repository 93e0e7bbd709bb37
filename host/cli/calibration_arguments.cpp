#include "host/cli/calibration_arguments.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <countem/detector_image.hpp>
#include <countem/error.hpp>

#include "host/cli/file_lists.hpp"
#include "host/engine/stoppable_source.hpp"

namespace countem::cli {

namespace {

engine::stoppable_source stoppable(const frame_source& frames, const std::atomic<bool>& stop) {
  return {frames, stop, "stopped while calibrating: nothing was written"};
}

}  // namespace

void calibration_arguments::add_making_to(CLI::App& command) {
  const auto add = [&](auto&&... of_option) { return command.add_option(of_option...)->group("Calibration"); };
  command
      .add_option_function<std::vector<std::string>>(
          "--dark", [this](const std::vector<std::string>& given) { darks_ = expand_file_lists(given); },
          "Frames taken without beam, or their mean as one image; @LIST and - as for INPUT")
      ->group("Calibration");
  add("--gain", gain_, "Gain reference: a factor for each pixel, as .npy, .mrc, HDF5 or flat float32");
  add("--mask", mask_, "Pixels not to be used: everything but 0, as .npy, .mrc, HDF5 or flat bytes");
  add("--threshold", options_.background_adu, "Background threshold in ADU instead of one from the noise");
  add("--xray-threshold", options_.xray_adu, "X-ray threshold in ADU instead of one from the sample; inf: none");
  add("--score-threshold", options_.score_adu, "Method peaks: score threshold in ADU instead of one from the sample");
  command
      .add_option_function<std::string>(
          "--background-sigma", [this](const std::string& given) { take_background_sigma(given); },
          fmt::format("Background threshold: mean + this many sigmas of the noise peak; "
                      "auto: as many as find most electrons for the noise that passes ({} without --dark)",
                      usual_background_sigmas))
      ->default_str("auto")
      ->type_name("N|auto")
      ->group("Calibration");
  add("--false-events", options_.false_hits,
      "Threshold: the lowest beyond which so many events of a frame are noise (needs --dark)")
      ->type_name("N")
      ->excludes("--background-sigma")
      ->excludes("--threshold");
  add("--xray-sigma", options_.xray_sigmas, "X-ray threshold: mean + this many standard deviations of the sample")
      ->capture_default_str();
  command
      .add_flag("--per-pixel", options_.per_pixel_thresholds,
                "A background threshold for each pixel, from its own noise in the darks")
      ->group("Calibration");
  add("--samples", options_.samples, "Frames from which the thresholds are found")->capture_default_str();
  add("--seed", options_.seed, "Which frames those are")->capture_default_str();
}

void calibration_arguments::take_background_sigma(const std::string& given) {
  options_.background_sigmas.reset();
  double sigmas = 0;
  options_.needs_automatic = given == "auto";
  if (options_.needs_automatic) return;
  if (!CLI::detail::lexical_cast(given, sigmas))
    throw CLI::ValidationError("--background-sigma", given + " is neither a number nor auto");
  options_.background_sigmas = sigmas;
}

void calibration_arguments::add_to(CLI::App& command) {
  add_making_to(command);
  CLI::Option* file =
      command.add_option("--calibration", file_, "Calibration that countem calibrate made")->group("Calibration");
  for (const char* replaced : {"--dark", "--gain"}) file->excludes(replaced);
  for (const char* of_sample : {"--background-sigma", "--false-events", "--xray-sigma", "--per-pixel", "--samples", "--seed"})
    of_sample_.push_back(command.get_option(of_sample));
}

calibration calibration_arguments::resolve(const frame_source& frames, const counting_options& counting,
                                           const source_arguments& inputs, unsigned threads, bool accept_masked,
                                           const std::atomic<bool>& stop) const {
  const frame_shape shape = frames.info().shape;
  calibration start;
  if (!file_.empty()) {
    start = from_file(frames, accept_masked);
    if (!start.references_only) return start;
  } else {
    start = references(shape, inputs, threads, stop);
  }
  calibration_options options = options_;
  options.threads = threads;
  options.method = counting.method;
  // Row noise removes the shift of frames too.
  options.background = subtracts_noise(counting) ? background_method::frame : background_method::none;
  options.accept_masked = accept_masked;
  return calibrate(stoppable(frames, stop), std::move(start), options);
}

calibration calibration_arguments::references_alone(const source_arguments& inputs, unsigned threads,
                                                    const std::atomic<bool>& stop) const {
  if (darks_.empty()) throw invalid_argument("--dark-only makes a calibration of darks: give the darks with --dark");
  if (options_.background_adu || options_.score_adu || options_.xray_adu || options_.per_pixel_thresholds) {
    throw invalid_argument(
        "thresholds are of a scan, and only darks were given: give thresholds where the scan is counted, or its frames here");
  }
  calibration found = references(open_source(darks_, inputs.options_for_darks(darks_))->info().shape, inputs, threads, stop);
  found.references_only = true;
  return found;
}

calibration calibration_arguments::without_thresholds(const frame_source& frames) const {
  const bool thresholds = options_.background_adu || options_.xray_adu || options_.per_pixel_thresholds;
  if (thresholds || !file_.empty() || !darks_.empty() || !gain_.empty()) {
    throw invalid_argument(
        "--method counts takes each pixel's value as its number of electrons and uses nothing of a calibration but --mask: "
        "leave "
        "out --calibration, --dark, --gain, --threshold, --xray-threshold and --per-pixel");
  }
  calibration masked;
  apply_source_mask(masked, frames);
  if (!mask_.empty()) apply_mask(masked, *open_detector_image(mask_, frames.info().shape, image_role::mask));
  return masked;
}

std::vector<input_file> calibration_arguments::files(const source_arguments& inputs) const {
  std::vector<std::filesystem::path> paths = files_behind(darks_, inputs.options_for_darks(darks_));
  paths.push_back(file_);
  for (const std::filesystem::path& image : {gain_, mask_}) std::ranges::move(files_of_image(image), std::back_inserter(paths));
  std::vector<input_file> found;
  for (const std::filesystem::path& path : paths) {
    std::error_code absent;
    if (std::filesystem::is_regular_file(path, absent)) found.push_back(input_now(path));
  }
  return found;
}

calibration calibration_arguments::from_file(const frame_source& frames, bool accept_masked) const {
  const frame_shape shape = frames.info().shape;
  calibration loaded = load_calibration(file_);
  for (const CLI::Option* option : of_sample_) {
    if (option->count() != 0 && !loaded.references_only) {
      throw invalid_argument(fmt::format(
          "{} holds thresholds, which {} is to find: leave it out, or make a calibration of the darks alone (countem calibrate "
          "--dark-only --dark DARKS -o FILE)",
          file_.string(), option->get_name()));
    }
  }
  if (loaded.shape != frame_shape{} && loaded.shape != shape) {
    throw invalid_argument(
        fmt::format("{}: was made for frames of {} x {} pixels, these are of {} x {}: give one of this detector",
                    file_.string(), loaded.shape.height, loaded.shape.width, shape.height, shape.width));
  }
  if (!mask_.empty()) apply_mask(loaded, *open_detector_image(mask_, shape, image_role::mask));
  if (loaded.references_only) {
    validate(loaded, shape);
    return loaded;
  }
  if (options_.score_adu) loaded.score16 = score_from_adu(*options_.score_adu);
  if (options_.background_adu) {
    loaded.background16 = background_from_adu(*options_.background_adu);
    loaded.pixel_background16.clear();
  }
  if (options_.xray_adu) loaded.xray16 = xray_from_adu(*options_.xray_adu);
  validate(loaded, shape);
  check_loaded(loaded, frames, accept_masked);
  return loaded;
}

calibration calibration_arguments::references(frame_shape shape, const source_arguments& inputs, unsigned threads,
                                              const std::atomic<bool>& stop) const {
  calibration start;
  if (!darks_.empty()) {
    const auto darks = of_shape(open_source(darks_, inputs.options_for_darks(darks_)), shape, darks_.front());
    apply_dark(start, average_darks(stoppable(*darks, stop), threads));
  }
  if (!gain_.empty()) apply_gain(start, *open_detector_image(gain_, shape, image_role::gain));
  if (!mask_.empty()) apply_mask(start, *open_detector_image(mask_, shape, image_role::mask));
  return start;
}

std::string method_advice(const calibration& used, counting_method method, frame_shape frames) {
  const bool has_better = method == counting_method::cluster || method == counting_method::maximum;
  if (!has_better || !used.fit || used.fit->curve.charges.empty()) return {};
  const threshold_curve& curve = used.fit->curve;
  const double at = (static_cast<double>(used.background16) / charge_units_per_adu - curve.first_adu) / curve.step_adu;
  const auto place = static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(curve.charges.size() - 1)));
  const double electrons = static_cast<double>(curve.charges[place]) - static_cast<double>(curve.noise[place]);
  const double per_frame = electrons / static_cast<double>(used.fit->frames.size());
  const double occupancy = per_frame / static_cast<double>(frames.pixels());
  constexpr double peaks_are_better_from = 0.003;  // at any voltage
  if (occupancy < peaks_are_better_from) return {};
  return fmt::format("electrons on {:.2g} % of the pixels: --method peaks finds more of them (docs/counting_quality.md)",
                     100 * occupancy);
}

std::string summary(const calibration& used) {
  const auto adu = [](std::int32_t charge) {
    return fmt::format("{:.5g} ADU", static_cast<double>(charge) / charge_units_per_adu);
  };
  std::string line = used.score16 ? "candidates above " : "background threshold ";
  line += used.pixel_background16.empty() ? adu(used.background16) : "of each pixel, at least " + adu(used.background16);
  if (used.score16)
    line += fmt::format(", score threshold {:.5g} ADU", static_cast<double>(*used.score16) / charge_units_per_adu);
  if (used.fit && used.fit->sigma_adu > 0) line += fmt::format(" ({:.3g} sigma)", used.fit->background_sigmas);
  line += ", X-ray threshold " + (used.xray16 == no_xray_threshold ? "none" : adu(used.xray16));
  line += used.dark16.empty() ? ", no dark reference" : ", dark reference";
  const bool fitted = used.fit && used.fit->sigma_adu > 0;
  if (fitted && used.dark16.empty()) line += " (false events are not known)";
  if (!used.gain.empty()) line += ", gain reference";
  const auto masked = std::count_if(used.mask.begin(), used.mask.end(), [](std::uint8_t reasons) { return reasons != 0; });
  if (masked != 0) line += fmt::format(", {} pixels masked", masked);
  if (fitted && used.fit->expected) {
    line += fmt::format("; expected: {:.3g} false events per frame, {:.2g} % of all", used.fit->expected->per_frame,
                        100 * used.fit->expected->share);
  }
  return line;
}

}  // namespace countem::cli
