#include "host/cli/count_run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include <countem/build_facts.hpp>
#include <countem/counted_scan.hpp>
#include <countem/detector_image.hpp>
#include <countem/error.hpp>
#include <countem/provenance.hpp>

#include "host/cli/advice.hpp"
#include "host/cli/beam_words.hpp"
#include "host/cli/progress.hpp"
#include "io/files/output_file.hpp"

namespace countem::cli {

namespace {

/// What counts, in a few words. Why it was chosen is for --verbose and JSON.
std::string backend_words(backend wanted, const backend_choice& chosen, const context& ctx) {
  if (wanted == backend::automatic && chosen.used == backend::cuda)
    return fmt::format("cpu and cuda backends ({})", chosen.reason);
  if (ctx.verbose || chosen.used == backend::cuda) return fmt::format("{} backend ({})", to_string(chosen.used), chosen.reason);
  if (chosen.used == backend::cpu) return fmt::format("cpu backend ({})", describe_build().simd_target);
  return fmt::format("{} backend", to_string(chosen.used));
}

/// Where a file lies; never empty.
std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

}  // namespace

void count_run::run() {
  open();
  set_up(found_calibration());
  inform_of_calibration();
  if (!wanted_.live.empty()) find_centre();
  make_reductions();
  create_store();
  count();
  finish();
  report(is_part() ? part_json() : nlohmann::ordered_json::object());
}

void count_run::open() {
  references_ = wanted_.thresholds.files(wanted_.inputs);
  source_options opening = wanted_.inputs.options();
  opening.in_place = !wanted_.copy_input;
  source_ = open_source(wanted_.inputs.inputs(), opening);
  chosen_ = choose_backend(wanted_.where, wanted_.devices);
  if (!wanted_.live.empty()) plan_ = parse_plan(wanted_.live);
  centre_ = parse_centre(wanted_.live_centre);
  share_ = share_of(info().scan, part_.number, part_.of);
  validate(plan_, info().scan);
  check_outputs();
  ctx_.warn_of(info().issues);
  ctx_.inform("{} frames of {} x {} {} from {} file{}, {}", with_separators(info().scan.frames()), info().shape.height,
              info().shape.width, to_string(info().type), info().files.size(), info().files.size() == 1 ? "" : "s",
              backend_words(wanted_.where, chosen_, ctx_));
  if (is_part()) ctx_.inform("{}: {}", name_of(share_), share_words());
}

std::string count_run::share_words() const {
  std::string words = share_.frames() == 0 ? "no frames, since there are more parts than frames"
                                           : fmt::format("frames {} to {}", share_.first_frame(), share_.end_frame() - 1);
  if (!part_.known_from.empty()) words += fmt::format(" ({})", part_.known_from);
  return words;
}

void count_run::check_outputs() {
  rules_ = ctx_.rules(paths_of(info().files, references_));
  for (std::filesystem::path& file : files_of(plan_)) rules_.inputs.push_back(std::move(file));
  if (!centre_.vacuum.empty()) std::ranges::move(files_of_image(centre_.vacuum), std::back_inserter(rules_.inputs));
  check_output(wanted_.output, event_store_output, rules_);
  if (wanted_.no_pictures || is_part()) return;
  io::make_folder(wanted_.pictures);
  for (const std::filesystem::path& picture : scan_pictures::names(wanted_.output, wanted_.pictures))
    check_output(picture, png_output, rules_);
}

calibration count_run::found_calibration() {
  if (wanted_.counting.method == counting_method::counts) return wanted_.thresholds.without_thresholds(*source_);
  return wanted_.thresholds.resolve(*source_, wanted_.counting, wanted_.inputs, wanted_.threads, ctx_.force, ctx_.stop);
}

void count_run::set_up(calibration calibrated) {
  setup_.shape = info().shape;
  setup_.type = info().type;
  setup_.calibrated = std::move(calibrated);
  setup_.options = wanted_.counting;
  validate(setup_);
  require_usable_pixels(setup_.calibrated);
  read_detector_images(plan_, event_grid(setup_));
  plan_.masked = masked_events(setup_.calibrated, event_grid(setup_), geometry());
}

void count_run::inform_of_calibration() {
  ctx_.warn_of(setup_.calibrated.notes);
  if (wanted_.counting.method != counting_method::counts) ctx_.inform("{}", summary(setup_.calibrated));
  const std::string advice = method_advice(setup_.calibrated, wanted_.counting.method, info().shape);
  if (!advice.empty()) ctx_.inform("{}", advice);
}

store_geometry count_run::geometry() const {
  const store_geometry counted = counted_geometry(info().shape, setup_.options.upsample, info().split);
  return with_lengths(counted, info().lengths, wanted_.pixel_mrad, wanted_.scan_step_nm);
}

store_description count_run::described() const {
  store_description description = describe_count(info(), setup_, chosen_.used, ctx_.command_line);
  description.geometry = geometry();
  return description;
}

void count_run::create_store() {
  store_description description = described();
  if (is_part()) record_share(description, share_);
  if (wanted_.resume) {
    store_ = resume_event_store(wanted_.output, description, wanted_.store, rules_);
    resumed_after_ = std::max(store_.next_frame, share_.first_frame()) - share_.first_frame();
    ctx_.inform("resuming after {} frames", with_separators(resumed_after_));
  } else {
    store_.writer = create_event_store(wanted_.output, description, wanted_.store, rules_,
                                       live_ ? live_->announced() : std::vector<saved_image>());
  }
}

std::filesystem::path count_run::live_directory() const {
  if (wanted_.no_pictures) return {};
  return wanted_.pictures.empty() ? folder_of(wanted_.output) : wanted_.pictures;
}

void count_run::find_centre() {
  if (centre_.point) plan_.beam = given_centre(*centre_.point);
  if (!plan_.needs_centre() && !plan_.beam) return;
  if (!centre_.vacuum.empty()) {
    plan_.beam = vacuum_beam(centre_.vacuum, event_grid(setup_), geometry(), wanted_.threads);
  } else if (!plan_.beam) {
    plan_.beam = sampled_beam(*source_, setup_, plan_.excluded);
  }
  plan_.centre = plan_.beam->centre;
  if (plan_.beam->guess) ctx_.warn(guess_warning(*plan_.beam, "--live-centre"));
  if (plan_.needs_centre()) ctx_.inform("centre: {}", beam_words(*plan_.beam));
}

void count_run::make_reductions() {
  if (!wanted_.no_pictures && !is_part()) pictures_.emplace(event_grid(setup_), info().scan, wanted_.threads);
  if (wanted_.live.empty()) return;
  live_.emplace(plan_, result_axes{event_grid(setup_), info().scan, geometry()},
                info().missing_frames + info().incomplete_frames > 0, chosen_.used, wanted_.threads, live_directory(),
                wanted_.output.stem().string(), rules_);
}

pipeline_options count_run::how_to_count() {
  pipeline_options running;
  running.where = wanted_.where;
  running.devices = wanted_.devices;
  running.threads = wanted_.threads;
  if (pictures_) running.inspect = [this](const event_batch& events) { pictures_->add(events); };
  if (live_) running.live = &live_->reducer();
  return running;
}

void count_run::count() {
  progress_display progress(info().shape.pixels() * size_of(info().type), ctx_.quiet);
  pipeline_options running = how_to_count();
  running.first_frame = share_.first_frame() + resumed_after_;
  running.end_frame = share_.end_frame();
  running.stop = &ctx_.stop;
  running.progress = [&](const count_progress& now) {
    count_progress of_share = now;
    of_share.frames_done -= share_.first_frame();
    of_share.frames_total -= share_.first_frame();
    progress.update(of_share);
    if (live_) live_->refresh();
  };
  const auto kept = [&] { return "; what was counted before is kept in " + store_.writer->abandon().string(); };
  try {
    result_ = count_frames(*source_, setup_, *store_.writer, running);
  } catch (const io_error& failure) {
    progress.close();
    throw io_error(failure.what() + kept(), failure.advised());
  } catch (const format_error& failure) {
    progress.close();
    throw format_error(failure.what() + kept(), failure.advised());
  }
  progress.close();
  std::ranges::move(changed_inputs(references_), std::back_inserter(result_.issues));
  ctx_.warn_of(result_.issues);
}

void count_run::finish() {
  if (result_.stopped) {
    throw interrupted(fmt::format("interrupted after {} of {} frames; they are kept in {}",
                                  with_separators(resumed_after_ + result_.frames + result_.missing_frames),
                                  with_separators(share_.frames()), store_.writer->abandon(result_.issues).string()),
                      {{advice_kind::resume_counting}});
  }
  store_.writer->finish(live_ ? live_->finish() : std::vector<saved_image>(), result_.issues);
  draw_pictures(store_.next_frame);
}

void count_run::draw_pictures(std::uint64_t first_added) {
  if (!pictures_) return;
  drawn_ = pictures_->write(wanted_.output, wanted_.pictures, first_added,
                            wanted_.plain_pictures ? picture_style::plain : picture_style::figure, rules_);
  if (pictures_->beam().guess) {
    ctx_.warn(
        "no beam was found in the summed pattern: bright and dark field are drawn around the frame's middle; countem "
        "reduce --centre ROW,COLUMN draws others");
  }
}

void count_run::report(const nlohmann::ordered_json& more) const {
  const counted_scan counted{info(), setup_, chosen_, result_, wanted_.output, resumed_after_, drawn_};
  ctx_.inform("{} events in {} frames ({:.1f} per frame), {} X-rays, {:.2f} s, {} frames/s, {:.2f} GB/s",
              with_separators(result_.events), with_separators(result_.frames),
              result_.frames == 0 ? 0.0 : static_cast<double>(result_.events) / static_cast<double>(result_.frames),
              with_separators(result_.xrays), result_.seconds,
              with_separators(static_cast<std::uint64_t>(result_.frames_per_s())), counted.gigabytes_per_s());
  ctx_.inform("wrote {} ({})", wanted_.output.string(), human_bytes(std::filesystem::file_size(wanted_.output)));
  for (const auto& path : drawn_) ctx_.inform("wrote {}", path.string());
  ctx_.wrote(wanted_.output);
  for (const auto& path : drawn_) ctx_.wrote(path);
  if (!ctx_.json) return;
  nlohmann::ordered_json object = nlohmann::ordered_json::parse(to_json(counted));
  object.update(more);
  ctx_.print_json(std::move(object));
}

nlohmann::ordered_json count_run::part_json() const {
  return {{"part",
           {{"number", share_.number},
            {"of", share_.of},
            {"first_frame", share_.first_frame()},
            {"end_frame", share_.end_frame()},
            {"scan_frames", share_.scan_frames},
            {"calibration_crc32c", calibration_crc32c(setup_.calibrated)}}}};
}

}  // namespace countem::cli
