// countem bench machine: what memory, page cache, disk and bus allow, whatever is counted.
#include "host/cli/bench/bench_machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <iterator>
#include <memory>

#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/stop.hpp>
#include <countem/threads.hpp>
#include <countem/version.hpp>

#include "host/cli/bench/bench_files.hpp"
#include "host/cli/bench/bench_frames.hpp"
#include "host/cli/bench/median.hpp"
#include "io/files/mapped_range.hpp"
#include "io/files/output_file.hpp"
#include "kernels/cpu/streaming_read.hpp"

namespace countem::cli {

namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

struct bench_machine_options {
  fs::path files = ".";
  std::uint64_t megabytes = 512;
  unsigned threads = 0;
  unsigned repetitions = 5;
};

constexpr std::size_t block = std::size_t{1} << 20U;

/// Moves bytes of the buffer or the file.
using mover = std::function<void(std::uint64_t first, std::uint64_t end)>;

/// One kind of transfer, by so many threads.
struct transfer {
  std::string_view what;
  unsigned threads = 1;
  mover move;
  std::function<void()> before;  ///< not timed
};

class machine {
 public:
  explicit machine(const bench_machine_options& chosen)
      : chosen_(chosen),
        bytes_(chosen.megabytes * 1'000'000 / block * block),
        measured_(chosen.files / "countem-bench-machine", measured_file, {}) {
    source_.reset(new std::byte[bytes_]);
    target_.reset(new std::byte[bytes_]);
    run_shared(chosen.threads, bytes_ / block, [&](std::uint64_t first, std::uint64_t end) {
      // No zeros, which a disk or its file system may leave out.
      std::uint64_t word = first + 1;
      for (std::uint64_t at = first * block; at < end * block; at += sizeof word) {
        word = word * 6364136223846793005U + 1442695040888963407U;
        std::memcpy(source_.get() + at, &word, sizeof word);
        std::memcpy(target_.get() + at, &word, sizeof word);
      }
    });
  }

  json measure() {
    json rates = json::array();
    const auto add = [&](transfer one) { rates.push_back(rates_of(one)); };
    const auto read = [&](std::uint64_t first, std::uint64_t end) { sum_ += sum(source_words() + first / 8, end - first); };
    const auto copy = [&](std::uint64_t first, std::uint64_t end) {
      std::memcpy(target_.get() + first, source_.get() + first, end - first);
    };
    const auto read_file = [&](std::uint64_t first, std::uint64_t end) {
      for (std::uint64_t at = first; at < end; at += block) read_measured(file(), at, target_.get() + first, block);
    };
    const auto each = [&](std::string_view what, const mover& move, const std::function<void()>& before) {
      add({what, 1, move, before});
      if (chosen_.threads > 1) add({what, chosen_.threads, move, before});
    };
    const auto nothing = [] {};
    each("memory_read", read, nothing);
    each("memory_copy", copy, nothing);
    add({"disk_write", 1, [&](auto, auto) { write_file(); }, nothing});
    each("page_cache_read", read_file, nothing);
    each(
        "page_cache_map",
        [&](std::uint64_t first, std::uint64_t end) {
          const auto mapped = io::mapped_range::map(file(), first, end - first);
          if (mapped.empty()) throw io_error(file().path().string() + ": cannot be mapped into memory");
          sum_ += sum(reinterpret_cast<const std::uint64_t*>(mapped.data()), end - first);
        },
        nothing);
    each("disk_read", read_file,
         [&] { ::posix_fadvise(file().descriptor(), 0, 0, POSIX_FADV_DONTNEED); });  // all of it is on disk
    json told;
    told["version"] = version;
    told["files"] = fs::absolute(chosen_.files).lexically_normal().string();
    told["megabytes"] = bytes_ / 1'000'000;
    told["threads"] = chosen_.threads;
    told["rates"] = std::move(rates);
    told["bus"] = bus_rates();
    return told;
  }

 private:
  [[nodiscard]] const std::uint64_t* source_words() const { return reinterpret_cast<const std::uint64_t*>(source_.get()); }
  static std::uint64_t sum(const std::uint64_t* words, std::uint64_t bytes) {
    return cpu::streaming_read(words, bytes / sizeof(std::uint64_t));
  }

  [[nodiscard]] const io::file_handle& file() const { return measured_.file(); }

  void write_file() const {
    file().write_at(0, source_.get(), bytes_);
    if (::fdatasync(file().descriptor()) != 0) io::throw_errno(file().path(), "cannot be written to disk");
  }

  [[nodiscard]] json rates_of(const transfer& one) const {
    std::vector<double> rates;
    for (unsigned repetition = 0; repetition <= chosen_.repetitions; ++repetition) {
      check_stop();
      one.before();
      const double seconds = run_shared(one.threads, bytes_ / block, [&](std::uint64_t first, std::uint64_t end) {
        if (first < end) one.move(first * block, end * block);
      });
      if (repetition > 0) rates.push_back(static_cast<double>(bytes_) / 1e9 / seconds);  // the first one warms up
    }
    json told{{"what", one.what}, {"threads", one.threads}};
    add_spread(told, rates);
    return told;
  }

  static void add_spread(json& told, const std::vector<double>& gigabytes_per_s) {
    const spread found = spread_of(gigabytes_per_s);
    told["gigabytes_per_s"] = found.median;
    told["gigabytes_per_s_low"] = found.low;
    told["gigabytes_per_s_high"] = found.high;
  }

  /// Copies between page-locked memory and each device; null where no device answers.
  [[nodiscard]] json bus_rates() const {
    constexpr std::uint64_t most = std::uint64_t{256} << 20U;  // page-locked memory is taken from everybody else
    const std::uint64_t bytes = std::min(bytes_, most);
    json rates;
    for (unsigned device = 0; device < cuda::device_count(); ++device) {
      check_stop();
      const cuda::bus_copies copies = cuda::time_bus(device, bytes, chosen_.repetitions);
      const auto add = [&](std::string_view what, std::vector<double> seconds) {
        for (double& one : seconds) one = static_cast<double>(bytes) / 1e9 / one;
        json told{{"what", what}, {"device", device}};
        add_spread(told, seconds);
        rates.push_back(std::move(told));
      };
      add("bus_to_device", copies.to_device_s);
      add("bus_from_device", copies.from_device_s);
    }
    return rates;
  }

  bench_machine_options chosen_;
  std::uint64_t bytes_;
  io::output_file measured_;
  std::unique_ptr<std::byte[]> source_;
  std::unique_ptr<std::byte[]> target_;
  std::atomic<std::uint64_t> sum_{0};
};

std::string text_of(const json& told) {
  std::string text = fmt::format("{} MB, files in {}\n{:<18}{:>8}{:>10}{:>12}\n", told["megabytes"].get<std::uint64_t>(),
                                 told["files"].get<std::string>(), "GB/s", "threads", "median", "quartiles");
  const auto add = [&](const json& rate, const std::string& by) {
    std::string what = rate["what"].get<std::string>();
    std::replace(what.begin(), what.end(), '_', ' ');
    fmt::format_to(std::back_inserter(text), "{:<18}{:>8}{:>10.2f}{:>8.2f} - {:.2f}\n", what, by,
                   rate["gigabytes_per_s"].get<double>(), rate["gigabytes_per_s_low"].get<double>(),
                   rate["gigabytes_per_s_high"].get<double>());
  };
  for (const json& rate : told["rates"]) add(rate, std::to_string(rate["threads"].get<unsigned>()));
  for (const json& rate : told["bus"]) add(rate, "gpu " + std::to_string(rate["device"].get<unsigned>()));
  if (told["bus"].is_null()) text += fmt::format("bus to a device: not measured: {}\n", cuda::device_reason());
  return text;
}

}  // namespace

void add_bench_machine(CLI::App& bench, context& ctx) {
  auto chosen = std::make_shared<bench_machine_options>();
  CLI::App* command = bench.add_subcommand(
      "machine", "What memory, page cache, disk and the bus to a GPU allow: reads, copies and writes, with their spread");
  command->add_option("--files", chosen->files, "Folder of the disk to measure")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  command->add_option("--megabytes", chosen->megabytes, "To move each time; far more than fit in any cache")
      ->check(CLI::Range(2U, 65536U))
      ->capture_default_str();
  command->add_option("--threads", chosen->threads, "Threads besides one; 0: all cores")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str();
  command->add_option("--repetitions", chosen->repetitions, "Measurements; the median counts")
      ->check(CLI::Range(1U, 1000U))
      ->capture_default_str();
  ctx.add_output_options(*command);
  command->callback([chosen, &ctx] {
    if (chosen->threads == 0) chosen->threads = usable_threads();
    const json told = machine(*chosen).measure();
    if (ctx.json) {
      ctx.print_json(told);
    } else {
      ctx.answer(text_of(told));
    }
  });
}

}  // namespace countem::cli
