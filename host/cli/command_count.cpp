// countem count: raw frames in, event store out.
#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/frame_source.hpp>
#include <countem/pipeline.hpp>
#include <countem/version.hpp>

#include "host/cli/advice.hpp"
#include "host/cli/calibration_arguments.hpp"
#include "host/cli/centre.hpp"
#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"
#include "host/cli/live_reductions.hpp"
#include "host/cli/output_file.hpp"
#include "host/cli/pictures.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/source_arguments.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

struct count_arguments {
  source_arguments inputs;
  calibration_arguments thresholds;
  counting_options counting;
  store_options store;
  std::filesystem::path output;
  std::filesystem::path pictures;
  backend where = backend::automatic;
  std::vector<unsigned> devices;
  unsigned threads = 0;
  std::string live;
  std::string live_centre = "auto";
  bool no_pictures = false;
  bool resume = false;
  bool copy_input = false;
  bool as_json = false;
  bool quiet = false;
};

json issues_json(const source_info& info) {
  json listed = json::array();
  for (const source_issue& issue : info.issues) {
    listed.push_back({{"kind", issue.kind}, {"text", issue.text}, {"occurrences", issue.occurrences}});
  }
  return listed;
}

json thresholds_json(const calibration& used) {
  return {{"background_adu", used.pixel_background16.empty() ? json(used.background16 / 16.0) : json("per pixel")},
          {"xray_adu", used.xray16 == no_xray_threshold ? json(nullptr) : json(used.xray16 / 16.0)}};
}

/// JSON as one line. File names are any bytes, JSON is UTF-8.
std::string text_of(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

store_description describe(const source_info& info, const counting_setup& setup, backend used,
                           const std::string& command_line) {
  store_description description;
  description.shape = event_grid(setup);
  description.scan = info.scan;
  description.options = setup.options;
  description.calibrated = setup.calibrated;
  json inputs = json::array();
  for (const input_file& file : info.files) inputs.push_back({{"name", file.path.string()}, {"bytes", file.bytes}});
  description.provenance = {
      {"program", std::string("countem ") + version},
      {"command_line", command_line},
      {"backend", std::string(to_string(used))},
      {"input_format", std::string(to_string(info.format))},
      {"inputs", text_of(inputs)},
      {"issues", text_of(issues_json(info))},
      {"thresholds", text_of(thresholds_json(setup.calibrated))},
      {"seed", setup.calibrated.fit ? std::to_string(setup.calibrated.fit->seed) : "none: nothing was fitted"}};
  return description;
}

void tell_issues(const source_info& info) {
  for (const source_issue& issue : info.issues) fmt::print(stderr, "countem: warning: {}\n", sentence(issue));
}

void make_directory(const std::filesystem::path& directory) {
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) throw io_error(directory.string() + ": the directory cannot be made: " + failure.message());
}

/// Where a file lies; never empty.
std::filesystem::path folder_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

void run(const count_arguments& wanted, context& ctx) {
  source_options opening = wanted.inputs.options();
  opening.in_place = !wanted.copy_input;
  const std::unique_ptr<frame_source> source = open_source(wanted.inputs.inputs(), opening);
  const source_info& info = source->info();
  const backend_choice chosen = choose_backend(wanted.where, wanted.devices);
  require_output(wanted.output, info.files, is_event_store);
  reduction_plan live_plan;
  if (!wanted.live.empty()) live_plan = parse_live_plan(wanted.live);
  live_plan.centre = parse_centre(wanted.live_centre);
  if (!wanted.no_pictures && !wanted.pictures.empty()) make_directory(wanted.pictures);
  if (!wanted.quiet) {
    tell_issues(info);
    fmt::print(stderr, "{} frames of {} x {} {} from {} file{}, {} backend ({})\n", with_separators(info.scan.frames()),
               info.shape.height, info.shape.width, to_string(info.type), info.files.size(), info.files.size() == 1 ? "" : "s",
               to_string(chosen.used), chosen.reason);
  }

  counting_setup setup;
  setup.shape = info.shape;
  setup.type = info.type;
  setup.calibrated = wanted.counting.method == counting_method::counts
                         ? wanted.thresholds.without_thresholds(info.shape)
                         : wanted.thresholds.resolve(*source, wanted.inputs, wanted.threads, ctx.stop);
  setup.options = wanted.counting;
  validate(setup);
  if (!wanted.quiet) fmt::print(stderr, "{}\n", summary(setup.calibrated));

  const store_description description = describe(info, setup, chosen.used, ctx.command_line);
  resumed_event_store store;
  if (wanted.resume) {
    store = resume_event_store(wanted.output, description, wanted.store);
    if (!wanted.quiet) fmt::print(stderr, "going on after {} frames\n", with_separators(store.next_frame));
  } else {
    store.writer = create_event_store(wanted.output, description, wanted.store);
  }
  const std::unique_ptr<event_store_writer>& sink = store.writer;
  progress_display progress(info.shape.pixels() * size_of(info.type), wanted.quiet);
  scan_pictures pictures(event_grid(setup), info.scan, wanted.threads);
  pipeline_options running;
  running.where = chosen.used;
  running.devices = wanted.devices;
  running.threads = wanted.threads;
  running.first_frame = store.next_frame;
  running.stop = &ctx.stop;
  running.progress = [&](const count_progress& now) { progress.update(now); };
  if (!wanted.no_pictures) running.inspect = [&](const event_batch& events) { pictures.add(events); };

  std::optional<live_reductions> live;
  if (!wanted.live.empty()) {
    reduction_plan plan = live_plan;
    if (!plan.centre && (plan.radial || !plan.detectors.empty())) plan.centre = sampled_centre(*source, setup);
    live.emplace(plan, event_grid(setup), info.scan, chosen.used, wanted.threads,
                 wanted.no_pictures        ? std::filesystem::path()
                 : wanted.pictures.empty() ? folder_of(wanted.output)
                                           : wanted.pictures,
                 wanted.output.stem().string());
    running.live = &live->reducer();
    running.progress = [&](const count_progress& now) {
      progress.update(now);
      live->refresh();
    };
  }

  count_result result;
  try {
    result = count_frames(*source, setup, *sink, running);
  } catch (const io_error& failure) {
    progress.close();
    throw io_error(std::string(failure.what()) + "; what was counted before is kept in " + sink->abandon().string(),
                   failure.advised());
  } catch (const format_error& failure) {
    progress.close();
    throw format_error(std::string(failure.what()) + "; what was counted before is kept in " + sink->abandon().string(),
                       failure.advised());
  }
  progress.close();
  if (result.stopped) {
    throw interrupted(fmt::format("interrupted after {} of {} frames; they are kept in {}; go on with --resume",
                                  with_separators(store.next_frame + result.frames + result.missing_frames),
                                  with_separators(info.scan.frames()), sink->abandon().string()));
  }
  sink->finish(live ? live->finish() : std::vector<saved_image>());

  std::vector<std::filesystem::path> drawn;
  if (!wanted.no_pictures) drawn = pictures.write(wanted.output, wanted.pictures, store.next_frame);

  const double frames_per_s = result.seconds > 0 ? static_cast<double>(result.frames) / result.seconds : 0;
  const double bytes_per_frame = static_cast<double>(info.shape.pixels() * size_of(info.type));
  if (!wanted.quiet) {
    fmt::print(stderr, "{} events in {} frames ({:.1f} a frame), {} X-rays, {:.2f} s, {} frames/s, {:.2f} GB/s\n",
               with_separators(result.events), with_separators(result.frames),
               result.frames == 0 ? 0.0 : static_cast<double>(result.events) / static_cast<double>(result.frames),
               with_separators(result.xrays), result.seconds, with_separators(static_cast<std::uint64_t>(frames_per_s)),
               frames_per_s * bytes_per_frame / 1e9);
    fmt::print(stderr, "wrote {} ({})\n", wanted.output.string(), human_bytes(std::filesystem::file_size(wanted.output)));
    for (const auto& path : drawn) fmt::print(stderr, "wrote {}\n", path.string());
  }
  if (wanted.as_json) {
    json told{
        {"output", wanted.output.string()},
        {"bytes", std::filesystem::file_size(wanted.output)},
        {"backend", to_string(result.used)},
        {"backend_reason", chosen.reason},
        {"input_format", to_string(info.format)},
        {"method", word_of(setup.options.method)},
        {"scan",
         {{"width", info.scan.width}, {"height", info.scan.height}, {"frames_per_position", info.scan.frames_per_position}}},
        {"frame", {{"height", info.shape.height}, {"width", info.shape.width}}},
        {"resumed_after_frames", store.next_frame},
        {"frames", result.frames},
        {"missing_frames", result.missing_frames},
        {"incomplete_frames", result.incomplete_frames},
        {"events", result.events},
        {"xrays", result.xrays},
        {"thresholds", thresholds_json(setup.calibrated)},
        {"seconds", result.seconds},
        {"frames_per_s", frames_per_s},
        {"gigabytes_per_s", frames_per_s * bytes_per_frame / 1e9},
        {"issues", issues_json(info)}};
    told["pictures"] = json::array();
    for (const auto& path : drawn) told["pictures"].push_back(path.string());
    ctx.print_json(told);
  }
}

}  // namespace

void add_count(CLI::App& app, context& ctx) {
  auto wanted = std::make_shared<count_arguments>();
  CLI::App* command = app.add_subcommand("count", "Count electrons: raw frames in, event store out");
  wanted->inputs.add_to(*command);
  wanted->thresholds.add_to(*command);
  command->add_option("-o,--output", wanted->output, "Event store to write (HDF5)")->required();
  add_choice(*command, "--method", wanted->counting.method, "How hits become events");
  add_choice(*command, "--row-noise", wanted->counting.row_noise, "Statistic of each half-row's quiet pixels to subtract");
  command->add_option("--min-cluster-size", wanted->counting.min_cluster_size, "Drop components of fewer pixels")
      ->capture_default_str();
  command->add_option("--max-cluster-size", wanted->counting.max_cluster_size, "Drop components of more pixels");
  add_choice(*command, "--values", wanted->counting.values, "Number to keep beside each event");
  command->add_option("--upsample", wanted->counting.upsample, "Place events on a grid this many times finer")
      ->capture_default_str();
  add_choice(*command, "--backend", wanted->where, "Where to count");
  command->add_option("--devices", wanted->devices, "CUDA devices to count on, as 0,1; default: all that answer")
      ->delimiter(',');
  command->add_option("--threads", wanted->threads, "Worker threads; 0: all cores")->capture_default_str();
  command->add_flag("--fast-sparse", wanted->store.fast_sparse,
                    "Append a compact copy of the indices to every frame: larger file, faster sparse reads");
  command->add_flag("--wide-counts", wanted->store.wide_counts, "Dense view of 16 instead of 8 bits a pixel");
  command->add_option("--png", wanted->pictures, "Directory for the pictures; default: beside the output");
  command->add_flag("--no-png", wanted->no_pictures, "Draw no pictures");
  CLI::Option* const live = command->add_option(
      "--live", wanted->live,
      "Reductions to compute while counting, as sum,com,max,radial,virtual:annulus:60,200; kept in the group "
      "/reductions of the output, drawn anew every few seconds");
  command->add_option("--live-centre", wanted->live_centre, "Their centre: ROW,COLUMN, or auto: the bright disk of some frames")
      ->capture_default_str()
      ->needs(live);
  command->add_flag("--resume", wanted->resume, "Go on with what an interrupted or killed count left in OUTPUT.part");
  command->get_option("--resume")->excludes(live);  // what was counted before is in no reducer; countem reduce sees all of it
  command->add_flag("--copy-input", wanted->copy_input,
                    "Copy frames that the page cache holds instead of counting them where they lie");
  command->add_flag("--json", wanted->as_json, "Print one JSON object on stdout");
  command->add_flag("--quiet", wanted->quiet, "Say nothing but errors");
  command->callback([wanted, &ctx] { run(*wanted, ctx); });
}

}  // namespace countem::cli
