#pragma once

#include <cstdint>
#include <functional>

namespace countem::io {

/// Small reads that a disk is given at a time. It answers many requests in the time of one, and threads that wait for it need
/// no core.
inline constexpr unsigned reads_in_flight = 64;

/// Calls `read(part)` once for every part in [0, parts), up to `reads_in_flight` at a time and roughly in order: for reads that
/// wait for a disk, unlike loops that compute. What is done within a millisecond, as few parts in the page cache are, needs no
/// thread but the caller's; where the system starts no threads, that one reads all parts. The calling thread calls `seen`,
/// where it is not empty, several times per second and at the end with the number of parts that are done.
/// @throws the first exception of `read`, and interrupted within a tenth of a second and one read (countem/stop.hpp), both when
/// no thread reads any more
void read_in_flight(std::uint64_t parts, const std::function<void(std::uint64_t part)>& read,
                    const std::function<void(std::uint64_t done)>& seen = {});

}  // namespace countem::io
