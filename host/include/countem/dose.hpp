#pragma once

#include <cstdint>
#include <optional>

namespace countem {

/// What is known of the recording, besides its events. 0: not known.
struct dose_conditions {
  double efficiency = 0;  ///< events per electron that reaches the detector; not known: every electron is one event
  double dwell_us = 0;    ///< of the beam per frame, microseconds
  double step_nm = 0;     ///< between scan positions
  friend bool operator==(const dose_conditions&, const dose_conditions&) = default;

  /// Whether anything follows from them.
  [[nodiscard]] bool is_given() const { return efficiency > 0 || dwell_us > 0 || step_nm > 0; }
};

/// How many electrons met the specimen, as far as they reached the detector.
struct electron_dose {
  double electrons_per_frame = 0;             ///< mean of the frames that arrived
  double electrons_per_frame_error = 0;       ///< standard error by counting statistics
  std::optional<double> current_pa;           ///< beam current in pA, where the dwell time is known
  std::optional<double> per_square_angstrom;  ///< electrons per square angstrom of the scan, where the step is known
};

/// Electrons per frame are events / efficiency / frames; the current is their charge over the dwell time; the dose is that of
/// all frames of a position over the square of the step. `events`, corrected for what is known to be lost, are those of
/// `frames` frames that arrived whole; `frames_per_position` is the scan's.
/// @throws invalid_argument when a condition is negative or no finite number.
[[nodiscard]] electron_dose dose_of(double events, std::uint64_t frames, std::uint32_t frames_per_position,
                                    const dose_conditions& known);

}  // namespace countem
