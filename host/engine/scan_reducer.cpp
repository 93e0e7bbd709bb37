#include <algorithm>
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
    load_and_add(batch, batch.first_frame);
  }

  void add(const event_batch& batch, std::uint64_t first_frame, event_reducer& loaded) {
    const std::lock_guard held(lock_);
    if (skips_incomplete() && !all_complete(batch)) {
      load_and_add(batch, first_frame);
    } else {
      require_inside(batch, first_frame);
      add_loaded(batch, first_frame, loaded);
    }
  }

  void add_over_ranks(communicator& ranks) { countem::add_over_ranks(result_, ranks, shape_); }

  [[nodiscard]] const reduction_result& result() const { return result_; }
  [[nodiscard]] reduction_result take() { return std::move(result_); }
  [[nodiscard]] reduction_result snapshot() const {
    const std::lock_guard held(lock_);
    return result_;
  }
  [[nodiscard]] reduction_result snapshot_without_profiles() {
    const std::lock_guard held(lock_);
    std::vector<std::uint64_t> radial;
    std::swap(radial, result_.radial);
    try {
      reduction_result copy = result_;
      std::swap(radial, result_.radial);
      return copy;
    } catch (...) {
      std::swap(radial, result_.radial);
      throw;
    }
  }
  [[nodiscard]] const reduction_plan& plan() const { return plan_; }

 private:
  void load_and_add(const event_batch& batch, std::uint64_t first_frame) {
    require_inside(batch, first_frame);
    reducer_->load(view_of(skips_incomplete() ? engine::without_incomplete(batch, complete_) : batch, shape_));
    add_loaded(batch, first_frame, *reducer_);
  }

  void require_inside(const event_batch& batch, std::uint64_t first_frame) const {
    if (batch.frames() + 1 != batch.indptr.size() || first_frame + batch.frames() > scan_.frames()) {
      throw invalid_argument("frames " + std::to_string(first_frame) + " to " + std::to_string(first_frame + batch.frames()) +
                             " do not fit a scan of " + std::to_string(scan_.frames()) + " frames");
    }
  }

  void add_loaded(const event_batch& batch, std::uint64_t first_frame, event_reducer& reducer) {
    const std::size_t frames = batch.frames();

    per_frame_.resize(frames);
    reducer.counts(per_frame_);
    add_to_positions(first_frame, per_frame_, result_.counts);
    for (std::size_t f = 0; f < frames; ++f) {
      result_.events += per_frame_[f];
      if (f < batch.status.size() && is_complete(batch.status[f])) result_.complete_events += per_frame_[f];
    }

    if (!result_.sum.empty()) reducer.add_sum(result_.sum);
    if (plan_.maximum) reducer.raise_maximum(result_.maximum);
    if (centres_) centres_->add(reducer, first_frame, frames, result_);
    if (masks_.detectors != 0) {
      per_frame_.resize(masks_.detectors * frames);
      reducer.virtual_counts(masks_, per_frame_);
      for (std::size_t d = 0; d < masks_.detectors; ++d) {
        add_to_positions(first_frame, std::span(per_frame_).subspan(d * frames, frames), result_.virtual_images[d]);
      }
    }
    for (std::size_t w = 0; w < weights_.size(); ++w)
      add_weighted(first_frame, frames, weights_[w], reducer, result_.weighted_images[w]);
    for (std::size_t w = 0; w < squares_.size(); ++w)
      add_weighted(first_frame, frames, squares_[w], reducer, result_.squared_images[w]);
    if (plan_.radial) add_radial(batch, first_frame, reducer);
    result_.frames += frames;
    for (std::size_t f = 0; f < batch.status.size(); ++f) note_losses(first_frame + f, batch.status[f]);
  }

  /// The last stage, since it may load the events anew: a part of the frames where they have many rings.
  void add_radial(const event_batch& batch, std::uint64_t first_frame, event_reducer& loaded) {
    constexpr std::size_t most_values = std::size_t{1} << 22U;
    const std::size_t step = std::max<std::size_t>(1, most_values / rings_.rings);
    if (batch.frames() <= step) {
      add_radial(first_frame, batch.frames(), loaded);
      return;
    }
    const event_view all = view_of(skips_incomplete() ? engine::without_incomplete(batch, complete_) : batch, shape_);
    for (std::size_t first = 0; first < all.frames(); first += step) {
      const std::size_t frames = std::min(step, all.frames() - first);
      reducer_->load({all.shape, all.indptr.subspan(first, frames + 1), all.indices});
      add_radial(first_frame + first, frames, *reducer_);
    }
  }

  void add_radial(std::uint64_t first_frame, std::size_t frames, event_reducer& loaded) {
    per_frame_.resize(frames * rings_.rings);
    loaded.radial_counts(rings_, per_frame_);
    for (std::size_t f = 0; f < frames; ++f) {
      const std::uint64_t position = (first_frame + f) / scan_.frames_per_position;
      for (std::size_t ring = 0; ring < rings_.rings; ++ring)
        result_.radial[position * rings_.rings + ring] += per_frame_[f * rings_.rings + ring];
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

  void add_weighted(std::uint64_t first_frame, std::size_t frames, const weight_image& weights, event_reducer& reducer,
                    std::vector<double>& map) {
    weighted_.resize(frames);
    reducer.weighted_counts(weights, weighted_);
    for (std::size_t f = 0; f < frames; ++f)
      map[(first_frame + f) / scan_.frames_per_position] += static_cast<double>(weighted_[f]) * weights.unit;
  }

  static bool all_complete(const event_batch& batch) { return std::ranges::all_of(batch.status, is_complete); }

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

  // Scratch, kept from batch to batch.
  std::vector<std::uint32_t> per_frame_;
  std::vector<std::int64_t> weighted_;
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
void scan_reducer::add(const event_batch& events, std::uint64_t first_frame, event_reducer& loaded) {
  state_->add(events, first_frame, loaded);
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
