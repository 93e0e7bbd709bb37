#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <countem/communicator.hpp>
#include <countem/counting.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/types.hpp>

namespace countem {

struct frame_reductions;  // what is taken of single frames: host/engine/frame_reductions.hpp

/// Reduces a scan batch after batch as it is counted or read; memory is that of the results, whatever the size of the scan.
/// Safe to use from several threads at once: one adds while others wait.
class scan_reducer {
 public:
  /// `which` must not be automatic. @throws invalid_argument when the plan does not fit the frames.
  scan_reducer(const reduction_plan& plan, frame_shape shape, scan_shape scan, backend which, unsigned threads = 0);
  ~scan_reducer();
  /// Takes over what another computed.
  scan_reducer(scan_reducer&&) noexcept;
  /// Takes over what another computed.
  scan_reducer& operator=(scan_reducer&&) noexcept;

  /// Batches may come in any order but each frame only once. @throws invalid_argument for frames outside the scan.
  void add(const event_batch& events);

  // The same in two steps, for events that several devices hold: each batch is reduced where it lies, without waiting for
  // others, then added in the order of frames. Sums of all frames stay where they are until the end.
  /// Whether a batch can be added in two steps: not where its incomplete frames are skipped, or it has very many rings.
  [[nodiscard]] bool takes_apart(const event_batch& events) const;
  /// What is taken of each of the frames that a reducer is loaded with (a device's, cuda::feed_slot::reducer), but for sum and
  /// maximum. Maps are the same at every call. Safe from several threads, each with a reducer of its own.
  [[nodiscard]] std::unique_ptr<frame_reductions> reduce(std::size_t frames, event_reducer& loaded) const;
  /// Adds what reduce() took of a batch.
  void add(const event_batch& events, const frame_reductions& of_frames);
  /// Adds to the sum and raises the maximum of all frames; what the plan does not ask for is empty.
  using pattern_reader = std::function<void(std::span<std::uint64_t> sum, std::span<std::uint32_t> maximum)>;
  /// Adds sums that were kept elsewhere. @throws what `read` throws.
  void add_patterns(const pattern_reader& read);
  /// Snapshots ask it for what is still elsewhere; null: nothing is. @throws what `read` throws, from them.
  void set_patterns_elsewhere(pattern_reader read);

  /// Adds what the reducers of all ranks computed; that of rank 0 gets the sums, the others are then of no use. Only while
  /// nothing is added. @throws as countem::add_over_ranks()
  void add_over_ranks(communicator& ranks);
  /// What was computed; only while nothing is added.
  [[nodiscard]] const reduction_result& result() const;
  /// The same, moved out of the reducer, which is then of no use.
  [[nodiscard]] reduction_result take();
  /// A copy of what was computed so far.
  [[nodiscard]] reduction_result snapshot() const;
  /// The same without the profiles of rings, which may be large.
  [[nodiscard]] reduction_result snapshot_without_profiles();
  /// What is computed.
  [[nodiscard]] const reduction_plan& plan() const;

 private:
  class state;
  std::unique_ptr<state> state_;
};

}  // namespace countem
