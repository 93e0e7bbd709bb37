#pragma once

#include <countem/communicator.hpp>
#include <countem/reduction_plan.hpp>
#include <countem/types.hpp>

// Results of parts of a scan as the result of all of it. Sums are exact and maxima have no order, so however a scan is divided,
// the result has the same bits.
namespace countem {

/// Adds what the same plan gave for other frames of the same scan. `grid`: shape of the frames that were reduced.
/// @throws invalid_argument the plans differ, or sums of second order could leave 64 bits
void add(reduction_result& sums, const reduction_result& more, frame_shape grid);

/// Adds the results of all ranks; rank 0 gets the sums, what others keep has no meaning. @throws as add(); io_error
void add_over_ranks(reduction_result& mine, communicator& ranks, frame_shape grid);

}  // namespace countem
