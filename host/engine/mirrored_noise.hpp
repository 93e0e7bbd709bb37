#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/engine/noise_peak.hpp"

// The background threshold that finds most electrons for the noise it lets through.
//
// Electrons only ever add charge, and noise is as likely below its mean as above it. So the charges below the mean, mirrored at
// it, show what noise alone would give above: N-(t) mirrored charges beyond t against N+(t) charges beyond t, of which
// N+ - N- are electrons. The signal of a count of N+ of which N- are noise is (N+ - N-)^2 / N+ times that of one electron: the
// threshold with the greatest is the best one.
namespace countem::engine {

/// How many charges, in 1/16 ADU, lie above and below any value. Values up to `reach` from `centre` are kept apart.
class charge_tails {
 public:
  charge_tails(std::int32_t centre, std::int32_t reach);

  void add(std::int32_t charge);
  void merge(const charge_tails& other);
  /// To be called after the last charge: the next two functions need sums.
  void cumulate();

  /// Charges above `value`, which lies within reach.
  [[nodiscard]] std::uint64_t above(std::int64_t value) const;
  /// Charges below `value`; of values beyond reach those beyond reach.
  [[nodiscard]] std::uint64_t below(std::int64_t value) const;
  /// The greatest value within reach.
  [[nodiscard]] std::int64_t highest() const { return first_ + static_cast<std::int64_t>(counts_.size()) - 3; }

 private:
  std::int64_t first_;                 ///< value of counts_[1]
  std::vector<std::uint64_t> counts_;  ///< one a value; the first and the last hold what lies beyond; sums after cumulate()
};

/// A threshold and what the sample shows beyond it.
struct mirrored_threshold {
  std::int32_t background16 = 0;  ///< in 1/16 ADU: a hit's charge is above it
  std::uint64_t charges = 0;      ///< N+: charges of the sample above it
  std::uint64_t noise = 0;        ///< N-: mirrored charges above it
};

/// N+ and N- of a threshold that lies within reach.
[[nodiscard]] mirrored_threshold beyond(const charge_tails& tails, const gaussian& noise, std::int32_t background16);

/// The threshold from 3 sigma on with the greatest (N+ - N-)^2 / N+, the highest of equals. Exact in integers. Empty where
/// N+ is nowhere greater than N-: the sample shows no electrons.
[[nodiscard]] std::optional<mirrored_threshold> best_threshold(const charge_tails& tails, const gaussian& noise);

/// The lowest threshold above the noise's mean with at most `most` mirrored charges beyond it. Empty where none within reach
/// has so few.
[[nodiscard]] std::optional<mirrored_threshold> threshold_with_noise(const charge_tails& tails, const gaussian& noise,
                                                                     std::uint64_t most);

}  // namespace countem::engine
