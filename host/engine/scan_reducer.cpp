#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <countem/error.hpp>
#include <countem/event_store.hpp>
#include <countem/reduction_sums.hpp>
#include <countem/scan_reducer.hpp>

#include "host/core/frame_status.hpp"
#include "host/engine/centre_sums.hpp"
#include "host/engine/complete_events.hpp"
#include "host/engine/frame_reductions.hpp"

namespace countem {

std::unique_ptr<event_reducer> make_reducer(backend which, unsigned threads) {
  switch (which) {
    case backend::reference: return reference::make_reducer();
    case backend::cpu: return cpu::make_reducer(threads);
    case backend::cuda: return cuda::make_reducer();
    case backend::automatic: break;
  }
  throw invalid_argument("a reducer is made for one backend; choose_backend() says which");
}

class scan_reducer::state {
 public:
  state(const reduction_plan& plan, frame_shape shape, scan_shape scan, backend which, unsigned threads)
      : plan_(plan), shape_(shape), scan_(scan), reducer_(make_reducer(which, threads)) {
    reducer_->keep_maps();  // those of a plan never change
    const detector_point centre = plan.centre.value_or(middle_of(shape));
    masks_ = make_masks(plan.detectors, shape, centre, plan.excluded);
    for (const weight_map& map : plan.weights) add_weights(map);
    if (plan.radial) {
      rings_ = make_rings(shape, centre, plan.radial_step);
      leave_out(rings_, plan.masked, plan.excluded);
    }

    const std::uint64_t positions = scan.positions();
    result_.counts.resize(positions);
    if (plan.sum || plan.radial_profile) result_.sum.resize(shape.pixels());
    if (plan.maximum) result_.maximum.resize(shape.pixels());
    if (plan.centre_of_mass) centres_.emplace(plan, shape, centre, scan, result_);
    result_.virtual_images.assign(masks_.detectors, std::vector<std::uint64_t>(positions));
    result_.weighted_images.assign(weights_.size(), std::vector<double>(positions));
    result_.squared_images.assign(squares_.size(), std::vector<double>(positions));
    result_.rings = rings_.rings;
    result_.radial.resize(positions * rings_.rings);
  }

  void add(const event_batch& batch) {
    const std::lock_guard held(lock_);
    require_inside(batch);
    const event_view events = view_of(skips_incomplete() ? engine::without_incomplete(batch, complete_) : batch, shape_);
    reducer_->load(events);
    if (!result_.sum.empty()) reducer_->add_sum(result_.sum);
    if (plan_.maximum) reducer_->raise_maximum(result_.maximum);
    reduce_loaded(*reducer_, batch.frames(), scratch_);
    add_frames(batch, scratch_);
    if (plan_.radial) add_radial_in_steps(batch.first_frame, events);
  }

  [[nodiscard]] bool takes_apart(const event_batch& batch) const {
    return batch.frames() <= frames_of_rings() && (!skips_incomplete() || std::ranges::all_of(batch.status, is_complete));
  }

  void reduce(std::size_t frames, event_reducer& loaded, frame_reductions& of_frames) const {
    reduce_loaded(loaded, frames, of_frames);
    if (!plan_.radial) return;
    of_frames.radial.resize(frames * rings_.rings);
    loaded.radial_counts(rings_, of_frames.radial);
  }

  void add(const event_batch& batch, const frame_reductions& of_frames) {
    const std::lock_guard held(lock_);
    require_inside(batch);
    add_frames(batch, of_frames);
    if (plan_.radial) add_radial(batch.first_frame, of_frames.radial);
  }

  void add_patterns(const pattern_reader& read) {
    const std::lock_guard held(lock_);
    read(result_.sum, result_.maximum);
  }

  void set_patterns_elsewhere(pattern_reader read) {
    const std::lock_guard held(lock_);
    patterns_elsewhere_ = std::move(read);
  }

  void add_over_ranks(communicator& ranks) { countem::add_over_ranks(result_, ranks, shape_); }

  [[nodiscard]] const reduction_result& result() const { return result_; }
  [[nodiscard]] reduction_result take() { return std::move(result_); }
  [[nodiscard]] reduction_result snapshot() const {
    const std::lock_guard held(lock_);
    return with_patterns_elsewhere(result_);
  }
  [[nodiscard]] reduction_result snapshot_without_profiles() {
    const std::lock_guard held(lock_);
    std::vector<std::uint64_t> radial;
    std::swap(radial, result_.radial);
    try {
      reduction_result copy = with_patterns_elsewhere(result_);
      std::swap(radial, result_.radial);
      return copy;
    } catch (...) {
      std::swap(radial, result_.radial);
      throw;
    }
  }
  [[nodiscard]] const reduction_plan& plan() const { return plan_; }

 private:
  [[nodiscard]] reduction_result with_patterns_elsewhere(reduction_result copy) const {
    if (patterns_elsewhere_) patterns_elsewhere_(copy.sum, copy.maximum);
    return copy;
  }

  void require_inside(const event_batch& batch) const {
    const std::uint64_t end = batch.first_frame + batch.frames();
    if (batch.frames() + 1 != batch.indptr.size() || end > scan_.frames()) {
      throw invalid_argument("frames " + std::to_string(batch.first_frame) + " to " + std::to_string(end) +
                             " do not fit a scan of " + std::to_string(scan_.frames()) + " frames");
    }
  }

  /// What is taken of single frames, but for rings.
  void reduce_loaded(event_reducer& reducer, std::size_t frames, frame_reductions& of_frames) const {
    of_frames.counts.resize(frames);
    reducer.counts(of_frames.counts);
    if (centres_) centres_->reduce(reducer, frames, of_frames.centres);
    of_frames.inside.resize(masks_.detectors * frames);
    if (masks_.detectors != 0) reducer.virtual_counts(masks_, of_frames.inside);
    engine::weighted_counts(reducer, frames, weights_, of_frames.weighted);
    engine::weighted_counts(reducer, frames, squares_, of_frames.squared);
  }

  void add_frames(const event_batch& batch, const frame_reductions& of_frames) {
    const std::uint64_t first = batch.first_frame;
    const std::size_t frames = batch.frames();
    add_to_positions(first, of_frames.counts, result_.counts);
    for (std::size_t f = 0; f < frames; ++f) {
      result_.events += of_frames.counts[f];
      if (is_complete(batch.status[f])) result_.complete_events += of_frames.counts[f];
    }
    if (centres_) centres_->add(of_frames.centres, first, result_);
    for (std::size_t d = 0; d < masks_.detectors; ++d)
      add_to_positions(first, std::span(of_frames.inside).subspan(d * frames, frames), result_.virtual_images[d]);
    add_weighted(first, of_frames.weighted, weights_, result_.weighted_images);
    add_weighted(first, of_frames.squared, squares_, result_.squared_images);
    result_.frames += frames;
    for (std::size_t f = 0; f < frames; ++f) note_losses(first + f, batch.status[f]);
  }

  /// Frames whose rings are held at a time.
  [[nodiscard]] std::size_t frames_of_rings() const {
    constexpr std::size_t most_values = std::size_t{1} << 22U;
    return plan_.radial ? std::max<std::size_t>(1, most_values / rings_.rings) : std::numeric_limits<std::size_t>::max();
  }

  /// The last stage, since it may load the events anew: a part of the frames where they have many rings.
  void add_radial_in_steps(std::uint64_t first_frame, const event_view& all) {
    const std::size_t step = frames_of_rings();
    for (std::size_t first = 0; first < all.frames(); first += step) {
      const std::size_t frames = std::min(step, all.frames() - first);
      if (frames != all.frames()) reducer_->load({all.shape, all.indptr.subspan(first, frames + 1), all.indices});
      scratch_.radial.resize(frames * rings_.rings);
      reducer_->radial_counts(rings_, scratch_.radial);
      add_radial(first_frame + first, scratch_.radial);
    }
  }

  void add_radial(std::uint64_t first_frame, std::span<const std::uint32_t> of_frames) {
    for (std::size_t f = 0; f < of_frames.size() / rings_.rings; ++f) {
      const std::uint64_t position = (first_frame + f) / scan_.frames_per_position;
      for (std::size_t ring = 0; ring < rings_.rings; ++ring)
        result_.radial[position * rings_.rings + ring] += of_frames[f * rings_.rings + ring];
    }
  }

  void note_losses(std::uint64_t frame, std::uint8_t status) {
    if (is_complete(status)) return;
    ++(has_arrived(status) ? result_.incomplete_frames : result_.missing_frames);
    if (result_.lost.empty()) result_.lost.resize(scan_.positions());
    sector_losses& lost = result_.lost[frame / scan_.frames_per_position];
    for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector)
      if (skips_incomplete() || ((status >> sector) & 1U) == 0) ++lost[sector];
  }

  [[nodiscard]] bool skips_incomplete() const { return plan_.incomplete == incomplete_frames::skip; }

  void add_to_positions(std::uint64_t first_frame, std::span<const std::uint32_t> per_frame,
                        std::vector<std::uint64_t>& map) const {
    for (std::size_t f = 0; f < per_frame.size(); ++f) map[(first_frame + f) / scan_.frames_per_position] += per_frame[f];
  }

  /// The weights, and their squares where standard errors are asked for; both 0 on excluded pixels.
  void add_weights(const weight_map& map) {
    std::vector<double> weights(map.weights.begin(), map.weights.end());
    for (std::size_t p = 0; p < std::min(weights.size(), plan_.excluded.size()); ++p) {
      if (plan_.excluded[p] != 0) weights[p] = 0;
    }
    weights_.push_back(make_weights(weights, shape_));
    if (!plan_.errors) return;
    for (double& weight : weights) weight *= weight;
    squares_.push_back(make_weights(weights, shape_));
  }

  void add_weighted(std::uint64_t first_frame, std::span<const std::int64_t> of_frames, const std::vector<weight_image>& images,
                    std::vector<std::vector<double>>& maps) const {
    for (std::size_t w = 0; w < images.size(); ++w) {
      const std::size_t frames = of_frames.size() / images.size();
      for (std::size_t f = 0; f < frames; ++f) {
        maps[w][(first_frame + f) / scan_.frames_per_position] +=
            static_cast<double>(of_frames[w * frames + f]) * images[w].unit;
      }
    }
  }

  mutable std::mutex lock_;
  reduction_plan plan_;
  frame_shape shape_;
  scan_shape scan_;
  std::unique_ptr<event_reducer> reducer_;
  detector_masks masks_;
  std::vector<weight_image> weights_;
  std::vector<weight_image> squares_;
  std::optional<engine::centre_sums> centres_;
  ring_map rings_;
  reduction_result result_;

  pattern_reader patterns_elsewhere_;

  // Scratch, kept from batch to batch.
  frame_reductions scratch_;
  event_batch complete_;
};

scan_reducer::scan_reducer(const reduction_plan& plan, frame_shape shape, scan_shape scan, backend which, unsigned threads)
    : state_(std::make_unique<state>(plan, shape, scan, which, threads)) {}
scan_reducer::~scan_reducer() = default;
scan_reducer::scan_reducer(scan_reducer&&) noexcept = default;
scan_reducer& scan_reducer::operator=(scan_reducer&&) noexcept = default;

void scan_reducer::add(const event_batch& events) {
  state_->add(events);
}
bool scan_reducer::takes_apart(const event_batch& events) const {
  return state_->takes_apart(events);
}
std::unique_ptr<frame_reductions> scan_reducer::reduce(std::size_t frames, event_reducer& loaded) const {
  auto of_frames = std::make_unique<frame_reductions>();
  state_->reduce(frames, loaded, *of_frames);
  return of_frames;
}
void scan_reducer::add(const event_batch& events, const frame_reductions& of_frames) {
  state_->add(events, of_frames);
}
void scan_reducer::add_patterns(const pattern_reader& read) {
  state_->add_patterns(read);
}
void scan_reducer::set_patterns_elsewhere(pattern_reader read) {
  state_->set_patterns_elsewhere(std::move(read));
}
void scan_reducer::add_over_ranks(communicator& ranks) {
  state_->add_over_ranks(ranks);
}
reduction_result scan_reducer::snapshot() const {
  return state_->snapshot();
}
reduction_result scan_reducer::snapshot_without_profiles() {
  return state_->snapshot_without_profiles();
}
reduction_result scan_reducer::take() {
  return state_->take();
}
const reduction_result& scan_reducer::result() const {
  return state_->result();
}
const reduction_plan& scan_reducer::plan() const {
  return state_->plan();
}

}  // namespace countem
