#include <countem/error.hpp>
#include <countem/simulate.hpp>

#include <utility>

#include "io/simulated/raw_writer.hpp"
#include "io/simulated/truth_file.hpp"

namespace countem {

namespace {

constexpr std::uint32_t frames_scan_number = 1;
constexpr std::uint32_t darks_scan_number = 2;

/// Where each frame's electrons go in the truth, known before any frame is made.
std::vector<std::uint64_t> electron_offsets(const simulator& from) {
  std::vector<std::uint64_t> indptr(from.options().scan.frames() + 1);
  for (std::uint64_t frame = 0; frame + 1 < indptr.size(); ++frame) indptr[frame + 1] = indptr[frame] + from.electrons(frame);
  return indptr;
}

/// The dark frames' scan: one line, whose length must fit the 16 bits that the camera's headers have for it.
scan_shape dark_scan(std::uint64_t frames) {
  if (frames > 0xffff) throw invalid_argument("simulation: more than 65535 dark frames asked for; ask for fewer");
  return {1, static_cast<std::uint32_t>(frames), 1};
}

}  // namespace

simulation_files write_simulation(const std::filesystem::path& directory, const simulation_options& options,
                                  const simulation_output& output) {
  const simulator from(options);
  io::raw_scan scan;
  scan.format = output.format;
  scan.frame = options.frame;
  scan.threads = output.threads;
  scan.rules = output.rules;
  scan.scan = options.scan;
  scan.stem = "data";
  scan.scan_number = frames_scan_number;

  io::make_folder(directory);

  simulation_files files;
  files.truth = directory / "truth.h5";
  io::truth_writer truth(files.truth, output.rules, options, electron_offsets(from), from.baseline_adu(), from.hot_pixels());
  std::vector<io::output_file> frames = io::write_raw(directory, scan, [&](std::uint64_t frame, std::uint16_t* pixels) {
    simulated_truth electrons;
    from.frame(frame, pixels, electrons);
    truth.write(frame, electrons);
    if (output.frame_done) output.frame_done(electrons.rows.size());
  });
  std::vector<io::output_file> darks;
  if (output.dark_frames > 0) {
    scan.scan = dark_scan(output.dark_frames);
    scan.stem = "dark";
    scan.scan_number = darks_scan_number;
    darks = io::write_raw(directory, scan, [&](std::uint64_t frame, std::uint16_t* pixels) {
      from.dark(frame, pixels);
      if (output.frame_done) output.frame_done(0);
    });
  }
  files.frames = io::finish_all(frames);
  files.darks = io::finish_all(darks);
  truth.finish();
  return files;
}

}  // namespace countem
