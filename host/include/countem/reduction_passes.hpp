#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <countem/choices.hpp>
#include <countem/event_store.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/store_copy.hpp>
#include <countem/store_reduction.hpp>

// A reduction whose frames are read elsewhere, as by several processes that have a part of the scan each.
namespace countem {

/// What one reading of all frames computes of a plan.
enum class reduction_pass : std::uint8_t {
  everything,       ///< all of it: the centre is known, or nothing depends on it
  without_centre,   ///< what does not depend on the centre, and the sum of all frames
  complete_frames,  ///< the sum of those frames that lack nothing
  around_centre,    ///< what depends on the centre, which is known now
};

/// Words and help of reduction_pass.
template <>
struct choice_table<reduction_pass> {
  static constexpr std::string_view what = "reading of the frames";  ///< in a sentence
  /// In the order of the enumerators.
  static constexpr std::array<choice<reduction_pass>, 4> entries{
      {{reduction_pass::everything, "everything", "all that is asked for"},
       {reduction_pass::without_centre, "without_centre", "what does not depend on the centre"},
       {reduction_pass::complete_frames, "complete_frames", "the sum of complete frames"},
       {reduction_pass::around_centre, "around_centre", "what depends on the centre"}}};
};

/// The part of a plan that a pass computes.
[[nodiscard]] reduction_plan plan_of_pass(const reduction_plan& plan, reduction_pass pass);

/// One reading of what `part` leaves of the store. `plan`: plan_of_pass(), in detector pixels. `which` must not be automatic.
/// @throws as for_copied_batches() and scan_reducer do.
[[nodiscard]] reduction_result reduce_pass(const event_store& store, const reduction_plan& plan, const copy_plan& part,
                                           backend which, const reading_options& reading);

/// Reads all frames once. `plan`: with the centre, for the passes that need it; the whole plan, of which `pass` is computed.
using run_pass = std::function<reduction_result(const reduction_plan& plan, reduction_pass pass)>;

/// The beam on the sum of all frames, which is in `known`: of the complete ones, where there are any and others, for which they
/// are read once more. `plan`: its excluded pixels are left out; `masked`: [cell]. @throws what `run` throws
[[nodiscard]] found_beam beam_in_passes(const reduction_plan& plan, const result_axes& axes,
                                        const std::vector<std::uint8_t>& masked, const reduction_result& known,
                                        const run_pass& run);

/// reduce_store() of frames that `run` reads, up to three times. `axes`, `masked`: of these frames (axes_of_copy,
/// masked_in_copy). @throws what `run` throws
[[nodiscard]] reduced_store reduce_in_passes(const reduction_plan& plan, const result_axes& axes,
                                             std::vector<std::uint8_t> masked, const run_pass& run);

/// Appends what the same pass gave for the positions that follow: the result is that of a reading of both, to the bit.
/// @throws invalid_argument where they are not of the same plan and grid
void append(reduction_result& all, const reduction_result& next);

}  // namespace countem
