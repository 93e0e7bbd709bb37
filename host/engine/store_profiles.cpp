#include "host/engine/store_profiles.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <countem/reductions.hpp>
#include <countem/scan_reducer.hpp>

#include "host/engine/complete_events.hpp"
#include "host/engine/store_part.hpp"

namespace countem::engine {

namespace {

/// Adds frames, which come in order, to profiles of positions, and hands on those that no frame is added to any more.
class profile_sums {
 public:
  profile_sums(ring_map rings, std::uint32_t frames_per_position, backend which, unsigned threads, bool skips_incomplete)
      : rings_(std::move(rings)),
        frames_per_position_(frames_per_position),
        skips_incomplete_(skips_incomplete),
        reducer_(make_reducer(which, threads)) {}

  void add(const event_batch& batch, const profile_taker& take) {
    const event_view all = view_of(skips_incomplete_ ? without_incomplete(batch, complete_) : batch, rings_.shape);
    const std::size_t step = std::max<std::size_t>(1, most_values / rings_.rings);
    for (std::size_t first = 0; first < all.frames(); first += step) {
      const std::size_t frames = std::min(step, all.frames() - first);
      add_some({all.shape, all.indptr.subspan(first, frames + 1), all.indices}, batch.first_frame + first);
      hand_on((batch.first_frame + first + frames) / frames_per_position_, take);
    }
  }

 private:
  static constexpr std::size_t most_values = std::size_t{1} << 20U;  ///< that are held, but for those of one frame

  void add_some(const event_view& events, std::uint64_t first_frame) {
    const std::size_t frames = events.frames();
    reducer_->load(events);
    per_frame_.resize(frames * rings_.rings);
    reducer_->radial_counts(rings_, per_frame_);
    sums_.resize(((first_frame + frames - 1) / frames_per_position_ + 1 - position_) * rings_.rings);
    for (std::size_t frame = 0; frame < frames; ++frame) {
      const std::uint64_t at = (first_frame + frame) / frames_per_position_ - position_;
      for (std::size_t ring = 0; ring < rings_.rings; ++ring)
        sums_[at * rings_.rings + ring] += per_frame_[frame * rings_.rings + ring];
    }
  }

  /// Positions before `end` are whole.
  void hand_on(std::uint64_t end, const profile_taker& take) {
    const auto values = static_cast<std::size_t>((end - position_) * rings_.rings);
    if (values == 0) return;
    take(std::span(sums_).first(values));
    sums_.erase(sums_.begin(), sums_.begin() + static_cast<std::ptrdiff_t>(values));
    position_ = end;
  }

  ring_map rings_;
  std::uint64_t frames_per_position_;
  bool skips_incomplete_;
  std::unique_ptr<event_reducer> reducer_;
  std::uint64_t position_ = 0;       ///< the first in sums_
  std::vector<std::uint64_t> sums_;  ///< [position * rings + ring]
  std::vector<std::uint32_t> per_frame_;
  event_batch complete_;
};

}  // namespace

ring_map rings_of(const reduction_plan& plan, const result_axes& axes) {
  const reduction_plan cells = in_cells(plan, axes.geometry);
  ring_map rings = make_rings(axes.grid, cells.centre.value_or(middle_of(axes.grid)), cells.radial_step);
  leave_out(rings, plan.masked, plan.excluded);
  return rings;
}

profile_source profiles_of_store(const event_store& store, const reduction_plan& plan, const copy_plan& part, backend which,
                                 const reading_options& reading) {
  return [&store, plan, part, which, reading](const profile_taker& take) {
    const result_axes axes = axes_of_copy(store.description(), part);
    profile_sums sums(rings_of(plan, axes), axes.scan.frames_per_position, which, reading.threads,
                      plan.incomplete == incomplete_frames::skip);
    for_part_batches(store, part, reading, [&](const event_batch& events) { sums.add(events, take); });
  };
}

}  // namespace countem::engine
