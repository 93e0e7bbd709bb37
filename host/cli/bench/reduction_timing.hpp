#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <countem/counting.hpp>
#include <countem/reductions.hpp>

// What `countem bench reductions` measures: each reduction on each encoding of the same events.
namespace countem::cli {

/// One point of the table: M = side * side pixels, C events per frame, F frames. Dense frames are many times the bytes of their
/// events: they get the first few of the frames, and their time is that of a frame times F.
struct scan_size {
  std::uint32_t side = 0;
  std::uint32_t events = 0;
  std::uint32_t frames = 0;
  std::uint32_t dense_frames = 0;
};

/// Events spread evenly over the detector, `size.events` in each frame.
[[nodiscard]] event_batch make_events(const scan_size& size, std::uint64_t seed);

/// What a stage needs besides the events, and where it writes.
struct workspace {
  explicit workspace(const event_view& scan);

  frame_shape shape;
  std::uint32_t side;
  detector_masks masks;
  ring_map rings;
  std::vector<std::uint64_t> image;
  std::vector<std::uint32_t> counts;
  std::vector<event_moments> moments;
  std::vector<event_second_moments> second_moments;
  std::vector<std::uint32_t> radial;
  event_batch events;
};

/// One reduction.
struct stage {
  const char* name;
  void (*run)(event_reducer&, workspace&);
  bool looks_at_events = true;  ///< of linear indices; else at nothing but indptr
};
/// All that are measured.
[[nodiscard]] std::span<const stage> stages();

/// A form in which frames are kept in memory.
struct encoding {
  const char* name;
  std::unique_ptr<event_reducer> (*make)();
  double (*bytes)(const event_view&);  ///< what the frames take in memory
};
enum encoding_number : std::size_t { dense, linear_index, run_length };
/// All that are compared, in the order of encoding_number.
[[nodiscard]] std::span<const encoding> encodings();

/// Median seconds of one pass over all frames; of dense frames, the passes over some of them make up.
struct scan_timing {
  std::vector<std::vector<double>> stages;  ///< [stage][encoding]
  double streaming_read = 0;                ///< of the linear indices, added up and nothing else: the floor
};

/// Times each stage on each encoding, in turn, after checking it against the reference.
/// @throws error when a result differs from the reference's, interrupted when `stop` is raised.
[[nodiscard]] scan_timing measure(const event_view& scan, std::uint32_t dense_frames, unsigned repetitions,
                                  const std::atomic<bool>& stop);

}  // namespace countem::cli
