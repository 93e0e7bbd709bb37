#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <countem/counting.hpp>
#include <countem/simulate.hpp>
#include <countem/types.hpp>

namespace countem {

/// When a counted event stands for a true electron.
struct comparison_options {
  double radius_px = 1.5;     ///< at most this far apart, in detector pixels
  double detectable_adu = 0;  ///< an electron that left no more charge than this cannot be found; see comparison::undetectable
};

/// Counted events against true electrons, summed over frames. Every repeated index is an event of its own.
struct comparison {
  /// A figure of one frame.
  struct extreme {
    std::uint64_t frame = 0;  ///< frame number
    double value = 0;         ///< the figure
  };

  std::uint64_t frames = 0;          ///< compared
  std::uint64_t missing_frames = 0;  ///< never arrived; their electrons are left out
  std::uint64_t electrons = 0;       ///< of the compared frames
  std::uint64_t undetectable = 0;    ///< of these, electrons whose whole charge is not above comparison_options::detectable_adu
  std::uint64_t events = 0;          ///< of the compared frames
  std::uint64_t matched = 0;         ///< pairs of one event and one electron
  /// Event minus electron over all pairs, in detector pixels: sums and sums of squares.
  double row_sum = 0;
  double row_squares = 0;     ///< of row distances
  double column_sum = 0;      ///< of column distances
  double column_squares = 0;  ///< of column distances, squared
  /// Frames with the smallest recall, the smallest precision, and the fewest and most events per electron; the first such
  /// frame. Frames without electrons (recall, ratio) or events (precision) do not take part.
  extreme worst_recall{0, 2};
  extreme worst_precision{0, 2};    ///< smallest precision
  extreme fewest_events{0, 1e300};  ///< fewest events per electron
  extreme most_events{0, -1};       ///< most events per electron

  /// Adds what was found in frames that come after those of this.
  void add(const comparison& next);

  /// Of all electrons, those found; NaN without electrons.
  [[nodiscard]] double recall() const;
  /// The recall of a counter that finds every electron that can be found at all.
  [[nodiscard]] double recall_limit() const;
  /// Of all events, those that are electrons; NaN without events.
  [[nodiscard]] double precision() const;
  /// Events per electron: the error of every sum and virtual image.
  [[nodiscard]] double count_ratio() const;
  /// Root mean square distance along the rows' axis, the columns' axis and in the plane; NaN without pairs.
  [[nodiscard]] double rms_row() const;
  [[nodiscard]] double rms_column() const;  ///< along the columns' axis
  [[nodiscard]] double rms_radial() const;  ///< in the plane
  /// Mean displacement: 0 unless positions are biased.
  [[nodiscard]] double mean_row() const;
  [[nodiscard]] double mean_column() const;  ///< along the columns' axis
};

/// Compares one frame of a batch, `frame` counted from its first. `truth` holds the electrons of the same frames: its row n
/// belongs to counted's frame n. Pairs are made nearest first: of all pairs of an event and an electron that are both still
/// free and not farther apart than the radius, the nearest becomes a pair, until none is left. Ties go to the electron and then
/// the event that comes first. An event at index i of a grid `upsample` times finer than the detector lies at the centre of its
/// cell. `truth.charges_adu` may be empty: no electron is then undetectable.
/// @throws invalid_argument when frames or shapes do not fit.
[[nodiscard]] comparison compare_frame(const event_batch& counted, std::size_t frame, frame_shape grid, std::uint32_t upsample,
                                       const simulated_truth& truth, const comparison_options& options);

/// Adds all frames of `counted` to `sum`, one after another. @throws invalid_argument as compare_frame()
void compare(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth,
             const comparison_options& options, comparison& sum);

/// Events as if they were the truth: to compare two counts of the same frames.
[[nodiscard]] simulated_truth as_truth(const event_batch& events, frame_shape grid, std::uint32_t upsample);

}  // namespace countem
