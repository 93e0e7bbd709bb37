#pragma once

#include <memory>

#include <countem/reductions.hpp>
#include <countem/types.hpp>

namespace countem::bench {

/// Reductions that report what their last stage took.
class timed_reducer : public event_reducer {
 public:
  /// Seconds of the last stage, from input, maps and memory on the device to the result there. A result that is frames (bin,
  /// crop) is dense frames; making events of them, and every copy between host and device, is not in the time.
  [[nodiscard]] virtual double seconds() const = 0;
};

/// Reductions of dense frames on the device, as an engineer writes them in an afternoon with Thrust: one reduction by key for
/// what is one result per frame, one pass over the pixels for everything else, 16 bytes at a time. load() makes the frames
/// of the events; a pixel is its number of events, u8 or u16.
/// @throws invalid_argument for another type. load() throws it for more events in a pixel than the type holds and for frames
/// of 64 GiB or more, bin() for u8 by more than 16, whose sums could leave 16 bits.
[[nodiscard]] std::unique_ptr<timed_reducer> make_thrust_reducer(pixel_type counts);

}  // namespace countem::bench
