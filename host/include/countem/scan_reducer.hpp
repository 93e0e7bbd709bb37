#pragma once

#include <cstdint>
#include <memory>

#include <countem/communicator.hpp>
#include <countem/counting.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/types.hpp>

namespace countem {

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
  /// The same, its frames being `first_frame` and on, with a reducer that is loaded with the batch already (a device's,
  /// cuda::batch_counter::reducer). Where incomplete frames are skipped, a batch that has incomplete frames is loaded anew.
  void add(const event_batch& events, std::uint64_t first_frame, event_reducer& loaded);
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
