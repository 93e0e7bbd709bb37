// countem count: raw frames in, event store out.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>

#include <countem/build_facts.hpp>
#include <countem/centre.hpp>
#include <countem/counted_scan.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/frame_source.hpp>
#include <countem/live_reductions.hpp>
#include <countem/pipeline.hpp>
#include <countem/provenance.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/scan_pictures.hpp>
#include <countem/scan_share.hpp>

#include "host/cli/advice.hpp"
#include "host/cli/beam_words.hpp"
#include "host/cli/calibration_arguments.hpp"
#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"
#include "host/cli/part_arguments.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/source_arguments.hpp"
#include "io/files/output_file.hpp"

namespace countem::cli {

namespace {

struct count_arguments {
  source_arguments inputs;
  calibration_arguments thresholds;
  counting_options counting;
  store_options store;
  std::filesystem::path output;
  std::string part;
  std::filesystem::path pictures;
  backend where = backend::automatic;
  std::vector<unsigned> devices;
  unsigned threads = 0;
  std::string live;
  std::string live_centre = "auto";
  double pixel_mrad = 0;
  double scan_step_nm = 0;
  bool no_pictures = false;
  bool plain_pictures = false;
  bool resume = false;
  bool copy_input = false;
};

/// What counts, in a few words. Why it was chosen is for --verbose and JSON.
std::string backend_words(const backend_choice& chosen, const context& ctx) {
  if (ctx.verbose || chosen.used == backend::cuda) return fmt::format("{} backend ({})", to_string(chosen.used), chosen.reason);
  if (chosen.used == backend::cpu) return fmt::format("cpu backend ({})", describe_build().simd_target);
  return fmt::format("{} backend", to_string(chosen.used));
}

/// Where a file lies; never empty.
std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

/// One run of the command, step by step.
class count_run {
 public:
  count_run(const count_arguments& wanted, const part_number& part, context& ctx) : wanted_(wanted), part_(part), ctx_(ctx) {}

  void run() {
    open();
    calibrate_frames();
    prepare_reductions();
    create_store();
    count();
    finish();
    report();
  }

 private:
  [[nodiscard]] const source_info& info() const { return source_->info(); }

  void open() {
    references_ = wanted_.thresholds.files();
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
                backend_words(chosen_, ctx_));
    if (is_part()) ctx_.inform("{}: {}", name_of(share_), share_words());
  }

  [[nodiscard]] bool is_part() const { return !wanted_.part.empty(); }

  [[nodiscard]] std::string share_words() const {
    std::string words = share_.frames() == 0 ? "no frames, since there are more parts than frames"
                                             : fmt::format("frames {} to {}", share_.first_frame(), share_.end_frame() - 1);
    if (!part_.known_from.empty()) words += fmt::format(" ({})", part_.known_from);
    return words;
  }

  /// Frames of the share that an earlier run counted.
  [[nodiscard]] std::uint64_t counted_before() const {
    return std::max(store_.next_frame, share_.first_frame()) - share_.first_frame();
  }

  /// Before any work.
  void check_outputs() {
    rules_ = ctx_.rules(paths_of(info().files, references_));
    for (std::filesystem::path& file : files_of(plan_)) rules_.inputs.push_back(std::move(file));
    if (!centre_.vacuum.empty()) rules_.inputs.push_back(centre_.vacuum);
    check_output(wanted_.output, event_store_output, rules_);
    if (wanted_.no_pictures || is_part()) return;
    io::make_folder(wanted_.pictures);
    for (const std::filesystem::path& picture : scan_pictures::names(wanted_.output, wanted_.pictures))
      check_output(picture, png_output, rules_);
  }

  void calibrate_frames() {
    setup_.shape = info().shape;
    setup_.type = info().type;
    setup_.calibrated =
        wanted_.counting.method == counting_method::counts
            ? wanted_.thresholds.without_thresholds(info().shape)
            : wanted_.thresholds.resolve(*source_, wanted_.counting, wanted_.inputs, wanted_.threads, ctx_.force, ctx_.stop);
    setup_.options = wanted_.counting;
    validate(setup_);
    ctx_.warn_of(setup_.calibrated.notes);
    read_detector_images(plan_, event_grid(setup_));
    plan_.masked = masked_events(setup_.calibrated, event_grid(setup_), geometry());
    if (wanted_.counting.method != counting_method::counts) ctx_.inform("{}", summary(setup_.calibrated));
    const std::string advice = method_advice(setup_.calibrated, wanted_.counting.method, info().shape);
    if (!advice.empty()) ctx_.inform("{}", advice);
  }

  void create_store() {
    store_description description = describe_count(info(), setup_, chosen_.used, ctx_.command_line);
    description.geometry = geometry();
    if (is_part()) record_share(description, share_);
    if (wanted_.resume) {
      store_ = resume_event_store(wanted_.output, description, wanted_.store, rules_);
      ctx_.inform("resuming after {} frames", with_separators(counted_before()));
    } else {
      store_.writer = create_event_store(wanted_.output, description, wanted_.store, rules_,
                                         live_ ? live_->announced() : std::vector<saved_image>());
    }
  }

  [[nodiscard]] store_geometry geometry() const {
    store_geometry known = counted_geometry(info().shape, setup_.options.upsample, info().split);
    known.pixel_mrad = wanted_.pixel_mrad;
    known.scan_step_nm = wanted_.scan_step_nm;
    return known;
  }

  /// Where live pictures go; empty: none are drawn.
  [[nodiscard]] std::filesystem::path live_directory() const {
    if (wanted_.no_pictures) return {};
    return wanted_.pictures.empty() ? folder_of(wanted_.output) : wanted_.pictures;
  }

  void find_centre() {
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

  void prepare_reductions() {
    if (!wanted_.no_pictures && !is_part()) pictures_.emplace(event_grid(setup_), info().scan, wanted_.threads);
    if (wanted_.live.empty()) return;
    find_centre();
    live_.emplace(plan_, result_axes{event_grid(setup_), info().scan, geometry()},
                  info().missing_frames + info().incomplete_frames > 0, chosen_.used, wanted_.threads, live_directory(),
                  wanted_.output.stem().string(), rules_);
  }

  void count() {
    progress_display progress(info().shape.pixels() * size_of(info().type), ctx_.quiet);
    pipeline_options running;
    running.where = chosen_.used;
    running.devices = wanted_.devices;
    running.threads = wanted_.threads;
    running.first_frame = share_.first_frame() + counted_before();
    running.end_frame = share_.end_frame();
    running.stop = &ctx_.stop;
    running.progress = [&](const count_progress& now) {
      count_progress of_share = now;
      of_share.frames_done -= share_.first_frame();
      of_share.frames_total -= share_.first_frame();
      progress.update(of_share);
      if (live_) live_->refresh();
    };
    if (pictures_) running.inspect = [&](const event_batch& events) { pictures_->add(events); };
    if (live_) running.live = &live_->reducer();
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

  void finish() {
    if (result_.stopped) {
      throw interrupted(fmt::format("interrupted after {} of {} frames; they are kept in {}",
                                    with_separators(counted_before() + result_.frames + result_.missing_frames),
                                    with_separators(share_.frames()), store_.writer->abandon(result_.issues).string()),
                        {{advice_kind::resume_counting}});
    }
    store_.writer->finish(live_ ? live_->finish() : std::vector<saved_image>(), result_.issues);
    if (pictures_)
      drawn_ = pictures_->write(wanted_.output, wanted_.pictures, store_.next_frame,
                                wanted_.plain_pictures ? picture_style::plain : picture_style::figure, rules_);
    if (pictures_ && pictures_->beam().guess) {
      ctx_.warn(
          "no beam was found in the summed pattern: bright and dark field are drawn around the frame's middle; countem "
          "reduce --centre ROW,COLUMN draws others");
    }
  }

  void report() const {
    const counted_scan counted{info(), setup_, chosen_, result_, wanted_.output, counted_before(), drawn_};
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
    if (is_part()) {
      object["part"] = {{"number", share_.number},
                        {"of", share_.of},
                        {"first_frame", share_.first_frame()},
                        {"end_frame", share_.end_frame()},
                        {"scan_frames", share_.scan_frames},
                        {"calibration_crc32c", calibration_crc32c(setup_.calibrated)}};
    }
    ctx_.print_json(std::move(object));
  }

  const count_arguments& wanted_;
  const part_number& part_;
  context& ctx_;
  scan_share share_;                    ///< the whole scan where no part is wanted
  std::vector<input_file> references_;  ///< files of the calibration
  std::unique_ptr<frame_source> source_;
  backend_choice chosen_;
  output_rules rules_;
  counting_setup setup_;
  reduction_plan plan_;  ///< what is computed live
  centre_choice centre_;
  resumed_event_store store_;
  std::optional<scan_pictures> pictures_;
  std::optional<live_reductions> live_;
  count_result result_;
  std::vector<std::filesystem::path> drawn_;
};

}  // namespace

void add_count(CLI::App& app, context& ctx) {
  auto wanted = std::make_shared<count_arguments>();
  CLI::App* command = app.add_subcommand("count", "Count electrons: raw frames in, event store out");
  wanted->inputs.add_to(*command);
  wanted->thresholds.add_to(*command);
  command->add_option("-o,--output", wanted->output, "Event store to write (HDF5)")->required();
  add_choice(*command, "--method", wanted->counting.method, "How hits become events");
  add_choice(*command, "--row-noise", wanted->counting.row_noise, "Statistic of each half-row's charges to subtract");
  add_choice(*command, "--background", wanted->counting.background, "What to subtract from all charges of a frame");
  command->add_option("--min-cluster-size", wanted->counting.min_cluster_size, "Drop components of fewer pixels")
      ->capture_default_str();
  command->add_option("--max-cluster-size", wanted->counting.max_cluster_size, "Drop components of more pixels");
  add_choice(*command, "--values", wanted->counting.values, "Number to keep beside each event");
  command->add_option("--upsample", wanted->counting.upsample, "Place events on a grid this many times finer")
      ->capture_default_str();
  command->add_option("--pixel-mrad", wanted->pixel_mrad, "Scattering angle of a detector pixel in mrad: the axes of the store")
      ->check(CLI::PositiveNumber);
  command->add_option("--scan-step", wanted->scan_step_nm, "Distance of scan positions in nm: the axes of the store")
      ->check(CLI::PositiveNumber);
  add_choice(*command, "--backend", wanted->where, "Where to count");
  command->add_option("--devices", wanted->devices, "CUDA devices to count on, as 0,1; default: all that answer")
      ->delimiter(',');
  command->add_option("--threads", wanted->threads, "Worker threads; 0: all cores")->capture_default_str();
  command->add_flag("--fast-sparse", wanted->store.fast_sparse,
                    "Append a compact copy of the indices to every frame: larger file, faster sparse reads");
  command->add_flag("--wide-counts", wanted->store.wide_counts, "Dense view of 16 instead of 8 bits a pixel");
  command->add_option("--png", wanted->pictures, "Directory for the pictures; default: beside the output");
  command->add_flag("--png-plain", wanted->plain_pictures, "Pictures of the pixels alone, without title, axes and colour bar");
  command->add_flag("--no-png", wanted->no_pictures, "Draw no pictures");
  CLI::Option* const live = command->add_option(
      "--live", wanted->live,
      "Reductions to compute while counting, as sum,com,max,radial,virtual:annulus:60,200 (all items of countem reduce: "
      "docs/reductions.md); kept in the group /reductions of the output, drawn anew every few seconds");
  command
      ->add_option("--live-centre", wanted->live_centre,
                   "Their centre: ROW,COLUMN; auto: the beam on some frames; or a vacuum scan's store or image")
      ->capture_default_str()
      ->needs(live);
  command->add_flag("--resume", wanted->resume, "Resume what an interrupted or killed count left in OUTPUT.part");
  command->get_option("--resume")->excludes(live);  // what was counted before is in no reducer; countem reduce sees all of it
  CLI::Option* const part =
      command->add_option("--part", wanted->part,
                          "Count one of N shares of consecutive frames, K from 1 to N, into a store for countem merge, without "
                          "pictures; auto: as Open MPI, PMI, Slurm or a job array numbers this process. {part} in OUTPUT "
                          "becomes K_of_N");
  for (const char* of_whole : {"--live", "--png"}) part->excludes(of_whole);
  command->add_flag("--copy-input", wanted->copy_input,
                    "Copy frames that the page cache holds instead of counting them where they lie");
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  ctx.add_verbose_option(*command);
  command->callback([wanted, &ctx] {
    part_number part;
    if (!wanted->part.empty()) {
      part = part_from(wanted->part);
      wanted->output = name_of_part(wanted->output, part);
    }
    count_run(*wanted, part, ctx).run();
  });
}

}  // namespace countem::cli
