#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/ranks.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/result_images.hpp>
#include <countem/store_batches.hpp>
#include <countem/store_copy.hpp>

namespace countem {

/// What was computed from a finished store.
struct reduced_store {
  reduction_result result;    ///< of the frames of the copy
  reduction_plan plan;        ///< with the centre that was used, where a result depends on it
  result_axes axes;           ///< of the copy
  profile_source profiles{};  ///< where the result holds none of those that were asked for

  /// The results as images for files.
  [[nodiscard]] std::vector<saved_image> images() const { return images_of(result, plan, axes, image_detail::full, profiles); }
};

/// Reduces what `part` leaves of the store. `plan` is in detector pixels, whatever the grid. A plan that needs a centre and has
/// none gets that of the beam on the sum of the same frames, of complete ones where there are any (find_stored_beam; the
/// frame's middle where none is found), for which they are read once more. `which` must not be automatic.
/// @throws as for_copied_batches() and scan_reducer do.
[[nodiscard]] reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const copy_plan& part,
                                         backend which, const reading_options& reading);

/// The same by all ranks, which share the frames. Rank 0 gets the results; what others get has no meaning. Each opens the
/// store. Where positions are merged or events carry values rank 0 reads all frames.
/// @throws what is thrown on any rank, as ranks::together()
[[nodiscard]] reduced_store reduce_store(const event_store& store, const reduction_plan& plan, const copy_plan& part,
                                         backend which, const reading_options& reading, ranks& all);

/// The same for results that are written and then of no more use: profiles of rings of more than `held_bytes` are not held, but
/// read from the store when their images are written, by rank 0. The store must outlive the images.
[[nodiscard]] reduced_store reduce_store_for_files(const event_store& store, const reduction_plan& plan, const copy_plan& part,
                                                   backend which, const reading_options& reading, ranks& all,
                                                   std::uint64_t held_bytes = std::uint64_t{64} << 20U);

/// Rings of the profiles that a plan asks for; those around the frame's middle where it has no centre yet.
[[nodiscard]] std::uint32_t profile_rings(const reduction_plan& plan, const result_axes& axes);

/// The beam on the sum of all frames of a store, which is `summed`: of the complete ones, where there are any. Cells whose
/// `excluded` [cell] is not 0 are left out; empty: none.
[[nodiscard]] found_beam beam_of(const event_store& store, const reduction_result& summed, const reading_options& reading,
                                 std::span<const std::uint8_t> excluded = {});

/// All of a store.
[[nodiscard]] copy_plan whole(const store_description& store);

}  // namespace countem
