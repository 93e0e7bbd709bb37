#pragma once

namespace countem::bench {

/// What bounds counting on this machine, measured in the same run.
struct machine_rates {
  double device_read_gigabytes_per_s = 0;  ///< a kernel that adds up the device's memory
  double bus_gigabytes_per_s = 0;          ///< copies of page-locked memory to the device
};

/// @throws cuda_error when the device fails.
[[nodiscard]] machine_rates measure_machine();

/// Members of the JSON to stdout, one line to stderr.
void print(const machine_rates& machine);

/// The head of the table that measure_counting() prints.
void print_counting_header();

/// Counts the frames of `countem bench count` (576 x 576 u16, the same simulator, seed and content) with method cluster, once
/// with one threshold for all pixels and once with dark reference and mask, in batches as the backend chooses and in batches of
/// 800. Events of all different frames are compared with the reference before anything is timed. Prints objects of the JSON to
/// stdout and lines of the table to stderr. `quick`: fewer rounds.
/// @throws cuda_error when the device fails, error when events differ from the reference's.
void measure_counting(double occupancy, const machine_rates& machine, bool quick, bool last);

}  // namespace countem::bench
