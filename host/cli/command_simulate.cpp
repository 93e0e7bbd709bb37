// countem simulate: a 4D Camera scan with its dark frames and its truth, as files.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>

#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include "host/cli/command.hpp"
#include "host/cli/file_lists.hpp"
#include "host/cli/progress.hpp"
#include "host/cli/source_arguments.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct simulate_arguments {
  fs::path directory;
  std::string scan = "64x64";
  std::string frame = "576x576";
  std::string format = "v5";
  simulation_options options;
  simulation_output output;
};

/// Progress on stderr, from the many threads that make frames.
class frame_meter {
 public:
  frame_meter(const simulate_arguments& chosen, const context& ctx)
      : display_(chosen.options.frame.pixels() * sizeof(std::uint16_t), ctx.quiet), stop_(ctx.stop) {
    now_.frames_total = chosen.options.scan.frames() + chosen.output.dark_frames;
  }

  void frame_done(std::uint64_t electrons) {
    if (stop_)
      throw interrupted("simulation stopped: the files written so far are incomplete; run it again with the same options");
    const std::lock_guard lock(mutex_);
    now_.frames_done += 1;
    now_.events += electrons;
    now_.seconds = seconds();
    display_.update(now_);
  }

  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  [[nodiscard]] std::uint64_t electrons() const { return now_.events; }
  void close() { display_.close(); }

 private:
  progress_display display_;
  const std::atomic<bool>& stop_;
  std::mutex mutex_;
  count_progress now_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// What a shell needs to name all of these files: one pattern where they share a start and an end, else the one path.
std::string file_pattern(const std::vector<fs::path>& files, const std::string& stem) {
  if (files.size() == 1) return files.front().string();
  return (files.front().parent_path() / (stem + "_*" + files.front().extension().string())).string();
}

/// The command that counts what was written.
std::string next_command(const simulate_arguments& chosen, const simulation_files& files) {
  std::string command = "countem count " + file_pattern(files.frames, "data");
  if (!files.darks.empty()) command += " --dark " + file_pattern(files.darks, "dark");
  const scan_shape& scan = chosen.options.scan;
  const bool camera = chosen.format.starts_with('v');
  if (camera && chosen.format != "v5") command += " --input-format " + chosen.format;
  if (chosen.output.format == input_format("raw")) {
    command +=
        fmt::format(" --input-format raw --shape {}x{} --dtype u16", chosen.options.frame.height, chosen.options.frame.width);
    command += fmt::format(" --scan {}x{}", scan.width, scan.height);
    if (scan.frames_per_position > 1) command += fmt::format("x{}", scan.frames_per_position);
  }
  return command + " -o " + (chosen.directory / "counted.h5").string();
}

std::vector<std::string> names(const std::vector<fs::path>& paths) {
  return {paths.begin(), paths.end()};
}

void simulate(simulate_arguments& chosen, context& ctx) {
  chosen.options.scan = with_repeats(scan_from(chosen.scan), 1);
  chosen.options.frame = shape_from(chosen.frame);
  chosen.output.format = input_format_from(chosen.format);
  chosen.output.rules = ctx.rules({}, existing_file::kept);
  frame_meter meter(chosen, ctx);
  chosen.output.frame_done = [&meter](std::uint64_t electrons) { meter.frame_done(electrons); };
  const simulation_files files = write_simulation(chosen.directory, chosen.options, chosen.output);
  const double seconds = meter.seconds();
  meter.close();

  const std::uint64_t frames = chosen.options.scan.frames();
  const double rate = static_cast<double>(frames + chosen.output.dark_frames) / seconds;
  const std::string next = next_command(chosen, files);
  for (const auto* written : {&files.frames, &files.darks}) {
    for (const fs::path& path : *written) ctx.wrote(path);
  }
  ctx.wrote(files.truth);
  if (ctx.json) {
    ctx.print_json(json{{"frame_files", names(files.frames)},
                        {"dark_files", names(files.darks)},
                        {"truth_file", files.truth.string()},
                        {"format", chosen.format},
                        {"frames", frames},
                        {"dark_frames", chosen.output.dark_frames},
                        {"electrons", meter.electrons()},
                        {"occupancy", chosen.options.occupancy},
                        {"kilovolts", chosen.options.kilovolts},
                        {"seed", chosen.options.seed},
                        {"bytes", bytes_of(files.frames) + bytes_of(files.darks)},
                        {"seconds", seconds},
                        {"frames_per_s", rate},
                        {"next_command", next}});
    return;
  }
  ctx.inform("{} frames, {}, in {}", with_separators(frames), human_bytes(bytes_of(files.frames)),
             file_pattern(files.frames, "data"));
  if (!files.darks.empty())
    ctx.inform("{} dark frames in {}", with_separators(chosen.output.dark_frames), file_pattern(files.darks, "dark"));
  ctx.inform("{} electrons in {}", with_separators(meter.electrons()), files.truth.string());
  ctx.inform("{:.0f} frames/s. Next:", rate);
  ctx.inform("  {}", next);
}

}  // namespace

void add_simulate(CLI::App& app, context& ctx) {
  auto chosen = std::make_shared<simulate_arguments>();
  CLI::App* command = app.add_subcommand("simulate", "Write a simulated 4D Camera scan with its dark frames and its truth");
  simulation_options& options = chosen->options;
  command->add_option("directory", chosen->directory, "Where the files go; made if absent")->required();
  const auto add = [&](auto&&... of_option) { return command->add_option(of_option...)->group("Simulation"); };
  add("--scan", chosen->scan, "Scan positions, and frames at each")->type_name("WxH[xN]")->capture_default_str();
  add("--frame", chosen->frame, "Pixels of a frame; v3, v4 and v5 have 576x576")->type_name("HxW")->capture_default_str();
  add("--occupancy", options.occupancy, "Mean electrons per pixel and frame, 0 to 0.5")->capture_default_str();
  add("--kv", options.kilovolts, "Beam voltage in kV, 60 to 300")->capture_default_str();
  add("--seed", options.seed, "The same seed gives the same files")->capture_default_str();
  add("--format", chosen->format, "v5, v4, v3, raw, npy or hdf5")->type_name("{v5,v4,v3,raw,npy,hdf5}")->capture_default_str();
  add("--dark-frames", chosen->output.dark_frames, "Frames without beam, in files of their own")->capture_default_str();
  add("--baseline", options.baseline_adu, "Mean dark level in ADU")->capture_default_str();
  add("--noise", options.noise_adu, "Readout noise, rms ADU")->capture_default_str();
  add("--xrays", options.xrays_per_frame, "Mean X-ray hits per frame")->capture_default_str();
  add("--hot-pixels", options.hot_pixels, "Hot pixels of the detector")->capture_default_str();
  command->add_option("--threads", chosen->output.threads, "Worker threads; 0: all cores")->capture_default_str();
  ctx.add_force_option(*command);
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] { simulate(*chosen, ctx); });
}

}  // namespace countem::cli
