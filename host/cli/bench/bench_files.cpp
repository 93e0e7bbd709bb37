#include "host/cli/bench/bench_files.hpp"

#include <algorithm>
#include <memory>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/provenance.hpp>
#include <countem/stop.hpp>

namespace countem::cli {

namespace {

constexpr std::uint64_t read_bytes = std::uint64_t{1} << 20U;

}  // namespace

void read_measured(const io::file_handle& file, std::uint64_t offset, std::byte* to, std::uint64_t bytes) {
  if (file.read_at(offset, to, bytes) != bytes) throw io_error(file.path().string() + ": became shorter");
}

bench_files::bench_files(const std::filesystem::path& folder, const bench_frames& frames)
    : folder_(folder), bytes_(frames.bytes()), file_(folder / "countem-bench-frames", measured_file, {}) {
  std::uint64_t at = 0;
  for (const frame_view& frame : frames.views()) {
    check_stop();
    file_.file().write_at(at, frame.row(0), frames.bytes_per_frame());
    at += frames.bytes_per_frame();
  }
  source_options opening;
  opening.format = input_format("raw");
  opening.in_place = true;
  opening.raw = raw_layout{frames.views().front().shape, pixel_type::u16};
  source_ = open_source({file_.temporary()}, opening);
}

double bench_files::count_seconds(const counting_setup& setup, backend where, unsigned threads) const {
  output_rules soon_written_anew;
  soon_written_anew.durable = false;
  store_options written;
  written.keep_unfinished = false;
  const auto store =
      create_event_store(folder_ / "countem-bench-store.h5",
                         describe_count(source_->info(), setup, where, "countem bench count"), written, soon_written_anew);
  pipeline_options running;
  running.where = where;
  running.threads = threads;
  return count_frames(*source_, setup, *store, running).seconds;
}

double bench_files::read_seconds(unsigned threads) const {
  return run_shared(threads, (bytes_ + read_bytes - 1) / read_bytes, [&](std::uint64_t first, std::uint64_t end) {
    const auto buffer = std::make_unique<std::byte[]>(read_bytes);
    for (std::uint64_t number = first; number < end; ++number) {
      const std::uint64_t bytes = std::min(read_bytes, bytes_ - number * read_bytes);
      read_measured(file_.file(), number * read_bytes, buffer.get(), bytes);
    }
  });
}

}  // namespace countem::cli
