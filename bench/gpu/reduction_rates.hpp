#pragma once

#include <cstddef>

namespace countem::bench {

/// Reduces random events of frames of 576 x 576, so many of their pixels, on the device, and the dense frames of the same
/// events with Thrust, u8 and u16. Each result of the dense frames must be that of the events, and the events' that of the
/// reference, before anything is timed. Prints one object of the JSON to stdout and lines of the table to stderr, millions of
/// events per second: of events from the call of a stage to its result in host memory, of dense frames without any copy between
/// host and device.
/// @throws cuda_error when the device fails, error when a result is another.
void measure_reductions(double occupancy, std::size_t frames, bool last);

/// The head of the table that measure_reductions() prints.
void print_reductions_header();

}  // namespace countem::bench
