#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <countem/counting.hpp>
#include <countem/simulate.hpp>
#include <countem/types.hpp>

namespace countem {

/// What counting does at one spatial frequency (docs/counting_quality.md).
struct spectrum_point {
  double frequency = 0;         ///< of the Nyquist frequency; 0 stands for the lowest frequencies above 0
  double transfer = 0;          ///< |T|: events per electron that follow the electrons
  double noise = 0;             ///< variance of the counts that does not follow them, per electron
  double noise_power = 0;       ///< noise power spectrum of flat illumination per event: 1 where events are independent
  double efficiency = 0;        ///< detective quantum efficiency: transfer^2 / (transfer^2 + noise)
  double efficiency_error = 0;  ///< standard error of the efficiency, from the spread between groups of frames
};

/// Counts against the electrons they stand for, by spatial frequency. What does not exist is a NaN: everything without
/// electrons, errors of fewer than two frames.
struct counting_spectrum {
  std::uint64_t frames = 0;            ///< used
  double electrons_per_frame = 0;      ///< of these
  double events_per_frame = 0;         ///< of these
  std::vector<spectrum_point> points;  ///< at 0 and 32 frequencies up to the Nyquist frequency

  /// The lowest frequencies, half the Nyquist frequency, and the whole.
  [[nodiscard]] const spectrum_point& zero() const { return points.front(); }
  [[nodiscard]] const spectrum_point& half() const { return points[points.size() / 2]; }  ///< half the Nyquist frequency
  [[nodiscard]] const spectrum_point& full() const { return points.back(); }              ///< the Nyquist frequency
  /// Events per electron that follow the electrons: the transfer at the lowest frequencies.
  [[nodiscard]] double gain() const { return zero().transfer; }
  /// Variance over mean of the events of flat illumination.
  [[nodiscard]] double fano_factor() const { return zero().noise_power; }
  /// Modulation transfer function at a point: its transfer over that at the lowest frequencies.
  [[nodiscard]] double modulation(const spectrum_point& at) const { return at.transfer / zero().transfer; }
};

/// Fourier sums of events and electrons at chosen frequencies along both axes, added up over frames. One pass over events and
/// electrons; memory does not depend on the scan. Not synchronised, but for groups of their own.
class detective_efficiency {
 public:
  /// The frames that are used belong to these groups in turn; the spread between groups is the standard error.
  static constexpr std::size_t groups = 16;

  /// Uses `most_frames` frames of the scan's `frames`, evenly spread; all where there are fewer.
  /// @throws invalid_argument when there is no frame to use, or no axis of the detector has 8 pixels
  detective_efficiency(frame_shape detector, std::uint64_t frames, std::uint64_t most_frames);
  ~detective_efficiency();
  /// The other may only be assigned to or destroyed.
  detective_efficiency(detective_efficiency&&) noexcept;
  /// The other may only be assigned to or destroyed.
  detective_efficiency& operator=(detective_efficiency&&) noexcept;

  /// Adds the chosen frames of a batch, whose `first_frame` is their number in the scan; `truth` holds the electrons of the
  /// same frames. Events lie at the centres of their cells, `upsample` of them a pixel along each axis. Frames that never
  /// arrived are left out. @throws invalid_argument when frames or shapes do not fit
  void add(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth);

  /// Adds those of one group (0 to groups - 1). Threads may add different groups at the same time.
  /// @throws invalid_argument when frames or shapes do not fit
  void add(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth,
           std::size_t group);

  /// Of the frames added.
  [[nodiscard]] counting_spectrum spectrum() const;

 private:
  class state;
  std::unique_ptr<state> state_;
};

/// Whether a detector has an axis that is long enough for a spectrum.
[[nodiscard]] bool has_spectrum(frame_shape detector);

/// Frames that hold about two million electrons, but no fewer than 64: what a spectrum needs, within seconds.
[[nodiscard]] std::uint64_t enough_spectrum_frames(std::uint64_t electrons, std::uint64_t frames);

}  // namespace countem
