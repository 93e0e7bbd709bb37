// countem parallax: tilt-corrected bright field of a counted scan, and the aberrations that its images show.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include <countem/error.hpp>
#include <countem/input_file.hpp>
#include <countem/parallax.hpp>
#include <countem/provenance.hpp>

#include "host/cli/beam_words.hpp"
#include "host/cli/command.hpp"
#include "host/cli/folding_arguments.hpp"
#include "host/cli/image_files.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/scan_part.hpp"
#include "host/cli/source_arguments.hpp"
#include "host/cli/store_facts.hpp"

namespace countem::cli {

namespace {

struct parallax_arguments {
  std::filesystem::path input;
  std::filesystem::path output;
  folding_arguments fold;
  image_folders folders;
  std::string centre = "auto";
  std::string scan_window;
  parallax_options options;
  double near_degrees = std::nan("");
  bool flip = false;
  bool no_flip = false;
  unsigned threads = 0;
};

/// From here on the other hand is so much less likely that the flip counts as found.
constexpr double sure_of_hand = 0.8;
constexpr double sure_degrees = 5;

std::string with_error(double value, double error, const std::string& unit) {
  const int digits =
      error > 0 && std::isfinite(error) ? std::clamp(1 - static_cast<int>(std::floor(std::log10(error))), 0, 9) : 4;
  return fmt::format("{:.{}f} +- {:.{}f}{}{}", value, digits, error, digits, unit.empty() ? "" : " ", unit);
}

/// Units of a coefficient of that order.
std::string unit_of(const parallax_result& result, const aberration& term) {
  if (result.in_nm) return "nm";
  return term.order == 1 ? "steps/pixel" : fmt::format("steps/pixel^{}", term.order);
}

std::string words_of(const parallax_result& result, const aberration& term) {
  const std::string unit = unit_of(result, term);
  if (term.symmetry == 0) return name_of(term) + " " + with_error(term.a, term.a_error, unit);
  return fmt::format("{0}a {1}, {0}b {2}", name_of(term), with_error(term.a, term.a_error, unit),
                     with_error(term.b, term.b_error, unit));
}

nlohmann::ordered_json aberrations_json(const parallax_result& result) {
  auto list = nlohmann::ordered_json::array();
  for (const aberration& term : result.aberrations) {
    list.push_back({{"name", name_of(term)},
                    {"order", term.order},
                    {"symmetry", term.symmetry},
                    {"a", term.a},
                    {"b", term.b},
                    {"a_error", term.a_error},
                    {"b_error", term.b_error},
                    {"units", unit_of(result, term)}});
  }
  return list;
}

class parallax_run {
 public:
  parallax_run(parallax_arguments& wanted, context& ctx)
      : wanted_(wanted), ctx_(ctx), store_(wanted.fold.folded(open_event_store(wanted.input), wanted.input, ctx)) {
    reading_.threads = wanted.threads;
    reading_.stop = &ctx.stop;
  }

  void run() {
    const auto start = std::chrono::steady_clock::now();
    rules_ = ctx_.rules({wanted_.input});
    add_centre_file(rules_, wanted_.centre);
    check_output(wanted_.output, images_output, rules_);
    wanted_.folders.make();
    const parallax_options options = chosen();
    const parallax_result result =
        reconstruct_parallax(*store_, options, scan_part(wanted_.scan_window, store_->description().scan), reading_);
    std::vector<saved_image> images = images_of(result);
    wanted_.folders.check(wanted_.output, images, rules_);
    auto facts = describe_reduction(wanted_.input, backend::cpu, ctx_.command_line);
    facts.emplace_back("centre", beam_words(result.beam));
    const std::vector<source_issue> issues = changed_inputs(store_->files());
    ctx_.warn_of(issues);
    if (!issues.empty()) facts.emplace_back("issues", issues_text(issues));
    save_images(wanted_.output, images, facts, rules_);
    ctx_.wrote(wanted_.output);
    wanted_.folders.write(wanted_.output, images, rules_, ctx_);
    warn_of(result);
    report(result, images, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }

 private:
  [[nodiscard]] parallax_options chosen() const {
    parallax_options options = wanted_.options;
    options.beam = centre_from(wanted_.centre, store_->description(), wanted_.threads);
    if (wanted_.flip || wanted_.no_flip) options.flip = wanted_.flip;
    if (!std::isnan(wanted_.near_degrees)) options.rotation_degrees = wanted_.near_degrees;
    return options;
  }

  void warn_of(const parallax_result& result) const {
    if (result.left_out_frames != 0) {
      ctx_.warn(
          fmt::format("{} of {} frames are missing or lack a part of the detector and were left out: their positions "
                      "count less",
                      result.left_out_frames, result.scan.frames()));
    }
    if (!(wanted_.flip || wanted_.no_flip) && result.other_hand_score > sure_of_hand * result.score) {
      ctx_.warn(
          fmt::format("whether the detector is flipped is not certain (scores {:.1f} and {:.1f} with the other hand): "
                      "give --flip or --no-flip",
                      result.score, result.other_hand_score));
    }
    if (!(result.rotation_error_degrees <= sure_degrees)) {
      ctx_.warn(
          fmt::format("the scan rotation, {:.0f} degrees, is uncertain by {:.0f}, and with it the sign of defocus: the "
                      "displacements are too small for their errors",
                      result.rotation.degrees, result.rotation_error_degrees));
    }
    if (!result.in_nm) {
      ctx_.warn(
          "aberrations are in scan steps per detector pixel: --scan-step and --pixel-mrad, or --pixel-per-nm and "
          "--voltage, give them in nm");
    }
  }

  void report(const parallax_result& result, std::span<const saved_image> images, double seconds) const {
    if (ctx_.json) {
      nlohmann::ordered_json told{{"output", wanted_.output.string()},
                                  {"frames", result.frames},
                                  {"left_out_frames", result.left_out_frames},
                                  {"electrons", result.bright_field_electrons},
                                  {"seconds", seconds},
                                  {"centre", beam_json(result.beam)},
                                  {"bright_field_radius", result.bright_field},
                                  {"aberrations", aberrations_json(result)},
                                  {"scan_rotation",
                                   {{"degrees", result.rotation.degrees},
                                    {"error_degrees", result.rotation_error_degrees},
                                    {"flip", result.rotation.flip}}},
                                  {"score", result.score},
                                  {"other_hand_score", result.other_hand_score},
                                  {"groups", result.groups.size()},
                                  {"shift_error_steps", result.measured_error},
                                  {"largest_shift_steps", result.largest_shift},
                                  {"cells_per_step", result.upsample}};
      told["images"] = images_json(images);
      ctx_.print_json(told);
    }
    ctx_.inform("centre: {}", beam_words(result.beam));
    for (const aberration& term : result.aberrations) ctx_.inform("aberrations: {}", words_of(result, term));
    ctx_.inform("scan rotation: {}, {}; displacements up to {:.1f} steps",
                with_error(result.rotation.degrees, result.rotation_error_degrees, "degrees"),
                result.rotation.flip ? "flipped" : "not flipped", result.largest_shift);
    for (const saved_image& image : images) ctx_.inform("reductions/{}: {}", image.name, image.meaning);
    ctx_.inform("wrote {} ({}, {:.2f} s)", wanted_.output.string(), human_bytes(std::filesystem::file_size(wanted_.output)),
                seconds);
  }

  parallax_arguments& wanted_;
  context& ctx_;
  std::unique_ptr<event_store> store_;
  reading_options reading_;
  output_rules rules_;
};

void add_what_is_known(CLI::App& command, parallax_arguments& wanted) {
  const std::string known = "What is known";
  command
      .add_option(
          "--centre", wanted.centre,
          "Centre of the bright-field disk: ROW,COLUMN, with --bright-field; auto: the beam on the sum; or a vacuum scan's "
          "store or image")
      ->group(known)
      ->capture_default_str();
  command
      .add_option(
          "--scan-rotation", wanted.near_degrees,
          "Which of the two half turns the rotation from detector to scan is: the one nearest to this angle. Defocus and "
          "astigmatism change their signs with it")
      ->group(known);
  CLI::Option* const flipped =
      command.add_flag("--flip", wanted.flip, "The detector is flipped: its rows are reversed before the rotation")
          ->group(known);
  command.add_flag("--no-flip", wanted.no_flip, "It is not: with neither, whether it is flipped is found")
      ->group(known)
      ->excludes(flipped);
  phase_scale& scale = wanted.options.scale;
  CLI::Option* const mrad = command.add_option("--pixel-mrad", scale.pixel_mrad, "Angle of a detector pixel in mrad")
                                ->group(known)
                                ->check(CLI::PositiveNumber);
  CLI::Option* const voltage =
      command.add_option("--voltage", scale.voltage_kv, "Acceleration voltage in kV, for --pixel-per-nm")
          ->group(known)
          ->check(CLI::PositiveNumber);
  command.add_option("--pixel-per-nm", scale.pixel_per_nm, "Or its reciprocal length in 1/nm (cycles per nm)")
      ->group(known)
      ->check(CLI::PositiveNumber)
      ->excludes(mrad)
      ->needs(voltage);
  command.add_option("--scan-step", scale.step_nm, "Distance of scan positions in nm, for aberrations in nm")
      ->group(known)
      ->check(CLI::PositiveNumber);
}

}  // namespace

void add_parallax(CLI::App& app, context& ctx) {
  auto wanted = std::make_shared<parallax_arguments>();
  CLI::App* command = app.add_subcommand(
      "parallax", "Tilt-corrected bright field of a counted scan: defocus, aberrations and scan rotation from the data");
  command->add_option("input", wanted->input, "Event store")->required();
  command->add_option("-o,--output", wanted->output, "HDF5 file to write")->required();
  const std::string images = "Images";
  command->add_option("--upsample", wanted->options.upsample, "Cells of the image per scan step")
      ->group(images)
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      ->add_option("--order", wanted->options.order,
                   "Aberrations to fit: 1 defocus and astigmatism, 2 also coma, 3 also spherical")
      ->group(images)
      ->check(CLI::Range(1, 3))
      ->capture_default_str();
  command
      ->add_option("--bright-field", wanted->options.bright_field,
                   "Radius of the bright-field pixels to use; without it 0.95 of the beam's")
      ->group(images)
      ->check(CLI::PositiveNumber);
  add_what_is_known(*command, *wanted);
  wanted->fold.add_to(*command, "Folding");
  command->add_option("--scan-crop", wanted->scan_window, "Positions to use: ROW:ROW,COLUMN:COLUMN");
  wanted->folders.add_to(*command);
  command->add_option("--threads", wanted->threads, "Worker threads; 0: all cores")->capture_default_str();
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([wanted, &ctx] { parallax_run(*wanted, ctx).run(); });
}

}  // namespace countem::cli
