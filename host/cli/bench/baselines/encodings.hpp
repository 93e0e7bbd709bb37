#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <countem/reductions.hpp>

/// Dense and run-length-encoded counted frames, their encoders and decoders, and the reductions on each.
namespace countem::baselines {

/// Every pixel of every frame: how many events it has.
struct dense_frames {
  frame_shape shape{};
  std::size_t frames = 0;
  std::vector<std::uint16_t> counts;  ///< [frame][pixel]

  [[nodiscard]] std::span<const std::uint16_t> frame(std::size_t f) const {
    return std::span(counts).subspan(f * shape.pixels(), shape.pixels());
  }
};

/// @throws invalid_argument when a pixel of one frame has more than 65535 events; `events` must be valid.
[[nodiscard]] dense_frames encode_dense(const event_view& events);
/// Replaces indptr and indices of `out`, whose other fields are left alone.
void decode(const dense_frames& frames, event_batch& out);

/// Pixels that follow one another, each with one event.
struct pixel_run {
  std::uint32_t first = 0;
  std::uint32_t length = 0;
};

/// Two numbers a run, so up to two an event. A pixel with several events begins a run of its own for each but the first.
struct run_length_frames {
  frame_shape shape{};
  std::vector<std::uint64_t> indptr;  ///< frames + 1, counting runs
  std::vector<pixel_run> runs;

  [[nodiscard]] std::size_t frames() const { return indptr.empty() ? 0 : indptr.size() - 1; }
  [[nodiscard]] std::span<const pixel_run> frame(std::size_t f) const {
    return std::span(runs).subspan(indptr[f], indptr[f + 1] - indptr[f]);
  }
};

/// `events` must be valid.
[[nodiscard]] run_length_frames encode_run_length(const event_view& events);
/// Replaces indptr and indices of `out`, whose other fields are left alone.
void decode(const run_length_frames& frames, event_batch& out);

/// Reducers whose `load` encodes; the stages then see the encoded frames only.
[[nodiscard]] std::unique_ptr<event_reducer> make_dense_reducer();
[[nodiscard]] std::unique_ptr<event_reducer> make_run_length_reducer();

}  // namespace countem::baselines
