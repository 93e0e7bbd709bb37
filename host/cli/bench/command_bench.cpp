// countem bench: how fast this machine counts, next to how fast it reads.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>

#include <countem/counting.hpp>
#include <countem/error.hpp>
#include <countem/pipeline.hpp>
#include <countem/stop.hpp>
#include <countem/threads.hpp>
#include <countem/version.hpp>

#include "host/cli/bench/bench_files.hpp"
#include "host/cli/bench/bench_frames.hpp"
#include "host/cli/bench/bench_machine.hpp"
#include "host/cli/bench/bench_reductions.hpp"
#include "host/cli/bench/median.hpp"
#include "host/cli/choices.hpp"
#include "host/cli/command.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

struct bench_count_options {
  backend where = backend::cpu;
  counting_options counting;
  bench_calibration calibrated = bench_calibration::dark;
  simulation_options simulated;
  std::uint64_t frames = 2000;
  std::uint64_t distinct = 200;
  unsigned threads = 1;
  unsigned repetitions = 7;
  std::filesystem::path files;  ///< folder to count from, too; empty: from memory alone
};

/// Frames of one measurement and thread: a few milliseconds.
constexpr std::uint64_t frames_per_slice = 50;

/// Events that a backend finds in some frames, and those of the reference.
void check(const bench_count_options& chosen, const counting_setup& setup, std::span<const frame_view> frames) {
  std::mutex failure;
  std::string sentence;
  run_shared(usable_threads(), frames.size(), [&](std::uint64_t first, std::uint64_t last) {
    const auto tested = make_counter(chosen.where, setup);
    const auto oracle = reference::make_counter(setup);
    event_batch found;
    event_batch expected;
    for (std::uint64_t i = first; i < last; ++i) {
      tested->count(frames.subspan(i, 1), found);
      oracle->count(frames.subspan(i, 1), expected);
      if (found.indices == expected.indices && found.values == expected.values && found.xrays == expected.xrays) continue;
      const std::lock_guard lock(failure);
      sentence =
          fmt::format("frame {} of the bench: the {} backend does not find the events of the reference; please report this", i,
                      to_string(chosen.where));
    }
  });
  if (!sentence.empty()) throw error(sentence);
}

/// The same frames counted from a file into a store, in turn with reading the file.
json measure_files(const bench_count_options& chosen, const bench_frames& frames, const counting_setup& setup) {
  const bench_files files(chosen.files, frames);
  std::vector<double> count_rates;
  std::vector<double> read_rates;
  const auto all = static_cast<double>(frames.views().size());
  for (unsigned repetition = 0; repetition <= chosen.repetitions; ++repetition) {
    check_stop();
    const double read = files.read_seconds(chosen.threads);
    const double counted = files.count_seconds(setup, chosen.where, chosen.threads);
    if (repetition == 0) continue;  // warms up
    read_rates.push_back(all / read);
    count_rates.push_back(all / counted);
  }
  const spread counted = spread_of(count_rates);
  const spread read = spread_of(read_rates);
  const double gigabytes_per_frame = static_cast<double>(frames.bytes_per_frame()) / 1e9;
  return {{"files", std::filesystem::absolute(chosen.files).lexically_normal().string()},
          {"files_frames_per_s", counted.median},
          {"files_frames_per_s_low", counted.low},
          {"files_frames_per_s_high", counted.high},
          {"page_cache_read_gigabytes_per_s", read.median * gigabytes_per_frame},
          {"page_cache_read_gigabytes_per_s_low", read.low * gigabytes_per_frame},
          {"page_cache_read_gigabytes_per_s_high", read.high * gigabytes_per_frame},
          {"fraction_of_page_cache_read", counted.median / read.median}};
}

json measure(const bench_count_options& chosen) {
  const bench_frames frames(chosen.simulated, chosen.distinct, chosen.frames, usable_threads());
  const counting_setup setup = frames.setup(chosen.calibrated, chosen.counting);
  const std::span<const frame_view> views(frames.views());
  check(chosen, setup, views.first(frames.distinct()));

  // As many frames a call as keep one batch's events in the cache.
  constexpr std::uint64_t frames_per_call = 16;
  std::vector<std::unique_ptr<counter>> counters;
  const std::shared_ptr<const counting_plan> plan = make_plan(chosen.where, setup);
  for (unsigned i = 0; i < chosen.threads; ++i) counters.push_back(plan->make_counter());
  std::vector<event_batch> batches(chosen.threads);
  std::atomic<std::uint64_t> events{0};
  const auto count_seconds = [&](std::uint64_t first_frame, std::uint64_t last_frame) {
    std::atomic<unsigned> next_counter{0};
    return run_shared(chosen.threads, last_frame - first_frame, [&](std::uint64_t first, std::uint64_t last) {
      const unsigned mine = next_counter++;
      std::uint64_t found = 0;
      for (std::uint64_t i = first; i < last; i += frames_per_call) {
        counters[mine]->count(views.subspan(first_frame + i, std::min(frames_per_call, last - i)), batches[mine]);
        found += batches[mine].indices.size();
      }
      events += found;
    });
  };

  // Slice by slice in turn, so that whatever else the machine does meets both alike and medians leave its peaks out. What is
  // read lies half a buffer away from what is counted: neither finds its frames in a cache.
  const std::uint64_t slices = std::max<std::uint64_t>(1, views.size() / (chosen.threads * frames_per_slice));
  const auto slice_start = [&](std::uint64_t slice) { return views.size() * slice / slices; };
  std::vector<double> count_rates;
  std::vector<double> read_rates;
  for (unsigned repetition = 0; repetition <= chosen.repetitions; ++repetition) {
    events = 0;
    for (std::uint64_t slice = 0; slice < slices; ++slice) {
      const std::uint64_t other = (slice + slices / 2) % slices;
      const double read = frames.streaming_read_seconds(chosen.threads, slice_start(other), slice_start(other + 1));
      const double counted = count_seconds(slice_start(slice), slice_start(slice + 1));
      if (repetition == 0) continue;  // warms up
      read_rates.push_back(static_cast<double>(slice_start(other + 1) - slice_start(other)) / read);
      count_rates.push_back(static_cast<double>(slice_start(slice + 1) - slice_start(slice)) / counted);
    }
  }

  const spread counted = spread_of(count_rates);
  const spread read = spread_of(read_rates);
  const double frames_per_s = counted.median;
  const double read_frames_per_s = read.median;
  const double events_per_frame = static_cast<double>(events) / static_cast<double>(views.size());
  const double gigabytes_per_frame = static_cast<double>(frames.bytes_per_frame()) / 1e9;
  json told;
  told["version"] = version;
  told["backend"] = to_string(chosen.where);
  told["frames"] = views.size();
  told["distinct_frames"] = frames.distinct();
  told["occupancy"] = chosen.simulated.occupancy;
  told["threads"] = chosen.threads;
  told["frames_per_s"] = frames_per_s;
  told["frames_per_s_low"] = counted.low;
  told["frames_per_s_high"] = counted.high;
  told["gigabytes_per_s"] = frames_per_s * gigabytes_per_frame;
  told["streaming_read_gigabytes_per_s"] = read_frames_per_s * gigabytes_per_frame;
  told["streaming_read_gigabytes_per_s_low"] = read.low * gigabytes_per_frame;
  told["streaming_read_gigabytes_per_s_high"] = read.high * gigabytes_per_frame;
  told["fraction_of_streaming_read"] = frames_per_s / read_frames_per_s;
  told["best_frames_per_s"] = *std::max_element(count_rates.begin(), count_rates.end());
  told["best_streaming_read_gigabytes_per_s"] = *std::max_element(read_rates.begin(), read_rates.end()) * gigabytes_per_frame;
  told["events_per_frame"] = events_per_frame;
  told["events_per_s"] = events_per_frame * frames_per_s;
  if (!chosen.files.empty()) told.update(measure_files(chosen, frames, setup));
  told["checked"] = true;
  return told;
}

std::string text_of_count(const json& told) {
  std::string text;
  const auto add = std::back_inserter(text);
  for (const auto& [name, value] : told.items()) {
    std::string label = name;
    std::replace(label.begin(), label.end(), '_', ' ');
    if (value.is_number_float()) {
      fmt::format_to(add, "{:<34} {:>16.6g}\n", label, value.get<double>());
    } else {
      fmt::format_to(add, "{:<34} {:>16}\n", label, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return text;
}

void add_bench_count(CLI::App& bench, context& ctx) {
  auto chosen = std::make_shared<bench_count_options>();
  CLI::App* command = bench.add_subcommand("count", "Counting from memory, and the rate at which the same buffer can be read");
  add_choice(*command, "--backend", chosen->where, "Where to count");
  add_choice(*command, "--method", chosen->counting.method, "How hits become events");
  add_choice(*command, "--row-noise", chosen->counting.row_noise, "Statistic of each half-row's charges to subtract");
  add_choice(*command, "--background", chosen->counting.background, "What to subtract from all charges of a frame");
  add_choice(*command, "--values", chosen->counting.values, "Value kept with each event");
  add_choice(*command, "--calibration", chosen->calibrated, "What the pixels are corrected with");
  command->add_option("--occupancy", chosen->simulated.occupancy, "Electrons per pixel and frame")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  command->add_option("--kv", chosen->simulated.kilovolts, "Beam voltage in kV")
      ->check(CLI::Range(60.0, 300.0))
      ->capture_default_str();
  command->add_option("--seed", chosen->simulated.seed, "Seed of the simulation")->capture_default_str();
  command->add_option("--frames", chosen->frames, "Frames in memory; far more than fit in any cache")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--distinct", chosen->distinct, "Different frames among them")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--threads", chosen->threads, "Threads that count, and that read")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  command->add_option("--repetitions", chosen->repetitions, "Measurements; the median counts")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  command->add_option("--files", chosen->files, "Folder of a disk: count from a file there into a store there, too");
  for (const char* name : {"--calibration", "--occupancy", "--kv", "--seed", "--frames", "--distinct", "--files"})
    command->get_option(name)->group("Frames");
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] {
    chosen->where = choose_backend(chosen->where).used;
    const std::uint64_t positions = std::max<std::uint64_t>(1, chosen->distinct);
    chosen->simulated.scan = {1, static_cast<std::uint32_t>(positions), 1};
    const json told = measure(*chosen);
    if (ctx.json) {
      ctx.print_json(told);
    } else {
      ctx.answer(text_of_count(told));
    }
  });
}

}  // namespace

void add_bench(CLI::App& app, context& ctx) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure this machine: simulates in memory, checks the result, then times it");
  command->require_subcommand(1);
  add_bench_count(*command, ctx);
  add_bench_machine(*command, ctx);
  add_bench_reductions(*command, ctx);
}

}  // namespace countem::cli
