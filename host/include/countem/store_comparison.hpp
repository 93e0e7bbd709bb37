#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include <countem/compare.hpp>
#include <countem/detective_efficiency.hpp>
#include <countem/event_store.hpp>
#include <countem/simulate.hpp>
#include <countem/types.hpp>

namespace countem {

/// What the events of a scan are compared with.
struct reference_electrons {
  frame_shape detector;         ///< pixels of the detector, however fine the events' grid is
  std::uint64_t electrons = 0;  ///< of all frames
  /// The electrons of `count` frames from `first` on. Called from one thread at a time, each time another perhaps.
  std::function<simulated_truth(std::uint64_t first, std::size_t count)> read;
};

/// What is compared.
struct store_comparison_options {
  comparison_options pairs;           ///< when an event stands for an electron
  std::uint64_t spectrum_frames = 0;  ///< that the spectrum is found from; 0: enough_spectrum_frames()
  unsigned threads = 0;               ///< 0: all cores
};

/// What one pass over both finds.
struct store_comparison {
  comparison pairs;                           ///< of all frames
  std::optional<counting_spectrum> spectrum;  ///< none where the detector is too small for one, or there is no frame
};

/// Compares all frames of a store with the electrons of the same frames, on all threads; the result does not depend on their
/// number. The next frames are read meanwhile.
/// @throws invalid_argument when frames or shapes do not fit, format_error naming a damaged frame, interrupted
[[nodiscard]] store_comparison compare_store(const event_store& counted, const reference_electrons& truth,
                                             const store_comparison_options& options = {});

}  // namespace countem
