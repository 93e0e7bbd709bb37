// countem info: what a file is and what it holds.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <thread>

#include <countem/calibrate.hpp>
#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/folded_store.hpp>
#include <countem/frame_source.hpp>
#include <countem/scan_share.hpp>

#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/source_arguments.hpp"
#include "host/cli/store_facts.hpp"
#include "host/core/frame_status.hpp"
#include "io/files/file_lock.hpp"
#include "io/files/output_file.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

json to_json(frame_shape shape) {
  return {{"height", shape.height}, {"width", shape.width}};
}

json to_json(const scan_shape& scan) {
  return {{"width", scan.width}, {"height", scan.height}, {"frames_per_position", scan.frames_per_position}};
}

json to_json(std::span<const source_issue> issues) {
  json told = json::array();
  for (const source_issue& issue : issues)
    told.push_back({{"kind", issue.kind}, {"text", issue.text}, {"occurrences", issue.occurrences}});
  return told;
}

json describe(const scan_path& path) {
  return {{"skip", path.skip}, {"flyback", path.flyback}, {"snake", path.snake}, {"words", words_of(path)}};
}

/// Missing frames are those of the share: the others are in other stores.
json describe(const scan_share& share, const event_store& store) {
  const auto at = [&](std::uint64_t frame) { return store.counts().begin() + static_cast<std::ptrdiff_t>(frame); };
  return {
      {"number", share.number},
      {"of", share.of},
      {"first_frame", share.first_frame()},
      {"end_frame", share.end_frame()},
      {"missing_frames", static_cast<std::uint64_t>(std::count(at(share.first_frame()), at(share.end_frame()), not_written))},
      {"calibration_crc32c", calibration_crc32c(store.description().calibrated)}};
}

json describe(const event_store& store) {
  const store_description& description = store.description();
  json told{{"kind", "event store"},
            {"scan", to_json(description.scan)},
            {"frame", to_json(description.shape)},
            {"method", word_of(description.options.method)},
            {"row_noise", word_of(description.options.row_noise)},
            {"background", word_of(description.options.background)},
            {"values", word_of(description.options.values)},
            {"upsample", description.options.upsample},
            {"frames", store.frames()}};
  std::uint64_t events = 0;
  std::uint64_t missing = 0;
  std::uint64_t incomplete = 0;
  std::uint64_t xrays = 0;
  std::uint32_t most = 0;
  for (std::uint64_t frame = 0; frame < store.frames(); ++frame) {
    const std::uint32_t count = store.counts()[frame];
    if (count == not_written) {
      ++missing;
      continue;
    }
    events += count;
    most = std::max(most, count);
    incomplete += !is_complete(store.status()[frame]);
    xrays += store.xrays()[frame];
  }
  const std::uint64_t counted = store.frames() - missing;
  if (const std::optional<scan_share> share = recorded_share(description)) told["part"] = describe(*share, store);
  for (const input_file& file : store.files().subspan(std::min<std::size_t>(1, store.files().size())))
    told["virtual_parts"].push_back(file.path.string());
  if (const scan_path path = recorded_path(description); !path.is_plain()) told["scan_path"] = describe(path);
  told["missing_frames"] = missing;
  told["incomplete_frames"] = incomplete;
  told["events"] = events;
  told["events_per_frame"] = counted == 0 ? 0.0 : static_cast<double>(events) / static_cast<double>(counted);
  told["most_events_in_a_frame"] = most;
  told["xrays"] = xrays;
  told["background_threshold_adu"] = description.calibrated.background16 / 16.0;
  const std::optional<noise_fit>& fit = description.calibrated.fit;
  told["background_sigmas"] = fit && fit->sigma_adu > 0 ? json(fit->background_sigmas) : json(nullptr);
  told["xray_threshold_adu"] =
      description.calibrated.xray16 == no_xray_threshold ? json(nullptr) : json(description.calibrated.xray16 / 16.0);
  for (const auto& [name, text] : description.provenance) {
    const json parsed = json::parse(text, nullptr, false);
    told["provenance"][name] = parsed.is_structured() ? parsed : json(text);
  }
  return told;
}

json describe(const calibration& loaded) {
  json told{{"kind", "calibration"}, {"frame", to_json(loaded.shape)}};
  told["background_threshold_adu"] = loaded.pixel_background16.empty() ? json(loaded.background16 / 16.0) : json("per pixel");
  told["xray_threshold_adu"] = loaded.xray16 == no_xray_threshold ? json(nullptr) : json(loaded.xray16 / 16.0);
  told["dark_reference"] = !loaded.dark16.empty();
  told["dark_frames"] = loaded.dark_frames;
  told["gain_reference"] = !loaded.gain.empty();
  told["masked_pixels"] =
      std::count_if(loaded.mask.begin(), loaded.mask.end(), [](std::uint8_t reasons) { return reasons != 0; });
  if (loaded.fit) {
    told["noise_mean_adu"] = loaded.fit->mean_adu;
    told["noise_sigma_adu"] = loaded.fit->sigma_adu;
    told["seed"] = loaded.fit->seed;
    told["background_sigmas"] = loaded.fit->sigma_adu > 0 ? json(loaded.fit->background_sigmas) : json(nullptr);
    told["sampled_frames"] = loaded.fit->frames.size();
  }
  told["notes"] = json::parse(issues_text(loaded.notes));
  return told;
}

/// Those that are known.
json describe(const axis_lengths& lengths) {
  json told = json::object();
  const auto add = [&](const char* step_name, double step, const char* origin_name, const plane_origin& origin) {
    if (step == 0) return;
    told[step_name] = step;
    told[origin_name] = {origin.row, origin.column};
  };
  add("pixel_mrad", lengths.pixel_mrad, "detector_origin_mrad", lengths.detector_origin_mrad);
  add("scan_step_nm", lengths.scan_step_nm, "scan_origin_nm", lengths.scan_origin_nm);
  return told;
}

json describe(const frame_source& source) {
  const source_info& info = source.info();
  std::uint64_t bytes = 0;
  for (const input_file& file : info.files) bytes += file.bytes;
  json told{{"kind", "raw frames"},
            {"format", to_string(info.format)},
            {"scan", to_json(info.scan)},
            {"frame", to_json(info.shape)},
            {"pixel_type", to_string(info.type)},
            {"files", info.files.size()},
            {"bytes", bytes},
            {"missing_frames", info.missing_frames}};
  if (!info.path.is_plain()) told["scan_path"] = describe(info.path);
  if (!info.dataset.empty()) told["dataset"] = info.dataset;
  if (!info.axes.empty()) told["axes"] = info.axes;
  if (!info.masked.empty())
    told["masked_pixels"] = info.masked.size() - static_cast<std::size_t>(std::ranges::count(info.masked, std::uint8_t{0}));
  told.update(describe(info.lengths));
  told["issues"] = to_json(info.issues);
  return told;
}

json describe(const timed_hits_facts& times) {
  json told{{"hits", times.hits}, {"chips", times.chips}};
  constexpr std::array edges{"input_1_rising", "input_2_rising", "input_1_falling", "input_2_falling"};
  for (std::size_t edge = 0; edge < edges.size(); ++edge) told["marks"][edges[edge]] = times.marks[edge];
  told["duration_s"] = times.duration_s;
  return told;
}

json describe(const event_file_facts& facts) {
  json told{{"kind", "event file"}, {"format", facts.format}};
  if (facts.scan) told["scan"] = to_json(*facts.scan);
  told["frame"] = to_json(facts.frame);
  told["upsample"] = facts.upsample;
  if (facts.scan) told["frames"] = facts.scan->frames();
  if (facts.times) told.update(describe(*facts.times));
  told["bytes"] = facts.file.bytes;
  told["issues"] = to_json(facts.issues);
  return told;
}

/// @throws format_error when `path` is an event store that was never closed, which is then all there is to report.
void refuse_growing_store(const std::filesystem::path& path) {
  try {
    static_cast<void>(open_running_event_store(path));
  } catch (const format_error&) {
    return;
  }
  throw format_error(
      path.string() +
      ": an event store that a count is still writing (`countem info --follow` reports how far it is), or that was "
      "left behind when its count was killed (`countem recover` makes it whole)");
}

/// As the options for raw frames fold it; as it is where none is given.
std::unique_ptr<event_store> folded(std::unique_ptr<event_store> store, const source_options& options) {
  if (!options.scan && options.path.is_plain()) return store;
  return fold(std::move(store), {options.scan, options.path});
}

/// One of our own HDF5 files. Null: it is another file.
json describe_own(const std::filesystem::path& path, const source_options& options) {
  try {
    return describe(*folded(open_event_store(path), options));
  } catch (const other_kind_error&) {  // may still be a calibration
  } catch (const format_error&) {
    refuse_growing_store(path);
    throw;
  }
  try {
    return describe(load_calibration(path));
  } catch (const other_kind_error&) {
    return nullptr;
  }
}

/// Whatever the inputs are: one of our own files, events of a camera or another program, else raw frames.
json describe_inputs(const source_arguments& inputs) {
  const source_options options = inputs.options();
  const std::filesystem::path& path = inputs.inputs().front();
  const bool is_stated = options.format || options.raw || !options.dataset.empty();
  if (inputs.inputs().size() == 1 && !is_stated && std::filesystem::is_regular_file(path)) {
    if (json told = describe_own(path, options); !told.is_null()) return told;
    if (const auto facts = describe_event_file(path, options.scan)) return describe(*facts);
  }
  return describe(*open_source(inputs.inputs(), options));
}

/// The same facts for people: one line each, numbers with separators, nested objects indented.
std::string text_of(const json& told, int indent = 0) {
  std::string lines;
  const auto add = std::back_inserter(lines);
  for (const auto& [name, value] : told.items()) {
    std::string label = printable(name);
    std::replace(label.begin(), label.end(), '_', ' ');
    if (value.is_object() && value.contains("width") && value.contains("height")) {
      const bool scan = value.contains("frames_per_position");
      const auto width = value["width"].get<std::uint64_t>();
      const auto height = value["height"].get<std::uint64_t>();
      std::string text = scan ? fmt::format("{} x {} positions (width x height)", width, height)
                              : fmt::format("{} x {} pixels (height x width)", height, width);
      if (scan && value["frames_per_position"] != 1)
        text += fmt::format(", {} frames each", value["frames_per_position"].get<int>());
      fmt::format_to(add, "{:{}}{}: {}\n", "", indent, label, text);
    } else if (value.is_array() && !value.empty() && value.front().is_number()) {
      fmt::format_to(add, "{:{}}{}: {:.6g}\n", "", indent, label, fmt::join(value.get<std::vector<double>>(), ", "));
    } else if (value.is_structured()) {
      if (value.empty()) continue;
      fmt::format_to(add, "{:{}}{}:\n", "", indent, label);
      if (value.is_object()) {
        lines += text_of(value, indent + 2);
      } else {
        for (const json& entry : value)
          fmt::format_to(add, "{:{}}- {}\n", "", indent + 2, printable(entry.value("text", entry.dump())));
      }
    } else if (value.is_number_unsigned()) {
      fmt::format_to(add, "{:{}}{}: {}\n", "", indent, label, with_separators(value.get<std::uint64_t>()));
    } else if (value.is_number_float()) {
      fmt::format_to(add, "{:{}}{}: {:.6g}\n", "", indent, label, value.get<double>());
    } else if (value.is_null()) {
      fmt::format_to(add, "{:{}}{}: none\n", "", indent, label);
    } else {
      fmt::format_to(add, "{:{}}{}: {}\n", "", indent, label,
                     printable(value.is_string() ? value.get<std::string>() : value.dump()));
    }
  }
  return lines;
}

/// @throws interrupted when the stop flag is raised meanwhile
void wait(double seconds, const context& ctx) {
  constexpr std::chrono::milliseconds step{20};
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
  while (std::chrono::steady_clock::now() < end) {
    if (ctx.stop) throw interrupted("no longer following; the count itself is not interrupted");
    std::this_thread::sleep_until(std::min(end, std::chrono::steady_clock::now() + step));
  }
}

/// A count holds the lock of its file until the file has its name. @throws io_error when nobody holds it: it has ended
void require_writer(const std::filesystem::path& part) {
  const auto is_abandoned = [&] {
    try {
      return io::lock_of(part) == io::lock_state::free && std::filesystem::exists(part);
    } catch (const error&) {  // it got its name meanwhile
      return false;
    }
  };
  if (!is_abandoned()) return;
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // a file is made, then locked
  if (!is_abandoned()) return;
  throw io_error(part.string() + ": the count that wrote it has ended without finishing it",
                 {{advice_kind::resume_counting}, {advice_kind::recover_frames}});
}

/// Reports on stderr how a running count goes, until its file gets its name; then what it holds.
json follow(const std::filesystem::path& named, double interval_seconds, const context& ctx) {
  using clock = std::chrono::steady_clock;
  const std::filesystem::path path = named.extension() == ".part" ? std::filesystem::path(named).replace_extension() : named;
  const std::filesystem::path part = io::part_of(path);
  std::uint64_t frames_before = 0;
  std::optional<clock::time_point> time_before;
  while (std::filesystem::exists(part)) {
    std::unique_ptr<event_store> store;
    try {
      store = open_running_event_store(part);
    } catch (const error&) {  // just being made, renamed, or changed under our eyes
      if (!std::filesystem::exists(part)) break;
    }
    if (store) {
      const auto written = [](std::uint32_t count) { return count != not_written; };
      const auto frames = static_cast<std::uint64_t>(std::count_if(store->counts().begin(), store->counts().end(), written));
      const clock::time_point now = clock::now();
      std::string rate;
      if (time_before) {
        const double seconds = std::chrono::duration<double>(now - *time_before).count();
        rate = fmt::format(", {:.0f} frames/s", static_cast<double>(frames - std::min(frames, frames_before)) / seconds);
      }
      ctx.inform("{} of {} frames, {} events{}", with_separators(frames), with_separators(store->frames()),
                 with_separators(events_in(*store)), rate);
      frames_before = frames;
      time_before = now;
    }
    require_writer(part);
    wait(interval_seconds, ctx);
  }
  if (!std::filesystem::exists(path)) {
    throw io_error(part.string() + ": no count is writing it, and " + path.string() + " does not exist either");
  }
  return describe(*open_event_store(path));
}

struct info_options {
  source_arguments inputs;
  bool following = false;
  double interval_seconds = 1;
};

}  // namespace

void add_info(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<info_options>();
  CLI::App* command = app.add_subcommand(
      "info",
      "Report what a file is and what it holds: an event store, a calibration, raw frames, or the events of an EER, TPX3, "
      "stempy or binsparse file");
  chosen->inputs.add_to(*command);
  ctx.add_output_options(*command);
  command->add_flag("--follow", chosen->following,
                    "Follow a running count by the name of its output, until it is finished: a line on stderr now and then");
  command->add_option("--interval", chosen->interval_seconds, "Seconds between the lines of --follow")
      ->check(CLI::Range(0.01, 3600.0));
  command->callback([chosen, &ctx] {
    if (chosen->following && chosen->inputs.inputs().size() != 1)
      throw invalid_argument("--follow takes one file: the output of a running count");
    const json told = chosen->following ? follow(chosen->inputs.inputs().front(), chosen->interval_seconds, ctx)
                                        : describe_inputs(chosen->inputs);
    if (ctx.json) {
      ctx.print_json(told);
    } else {
      ctx.answer(text_of(told));
    }
  });
}

}  // namespace countem::cli
