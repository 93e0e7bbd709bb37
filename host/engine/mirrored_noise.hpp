#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "host/engine/noise_peak.hpp"

// The threshold that finds most electrons for the noise it lets through.
//
// Electrons only ever add charge, and noise is as likely below its mean as above it. So the charges mirrored at the mean show
// what noise alone would give: N-(t) of them beyond t against N+(t) of the charges as they are, of which N+ - N- are electrons.
// The signal of a count of N+ of which N- are noise is (N+ - N-)^2 / N+ times that of one electron: the threshold with the
// greatest is the best one. What is counted are what the method makes events of: charges of
// pixels, charges of local maxima, or scores of peaks.
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

/// How many peaks have a charge or a score above any value from 0 to `highest`, in a sample and in its mirror.
class peak_tails {
 public:
  explicit peak_tails(std::int32_t highest);

  void add(std::int64_t value) { ++charges_[place(value)]; }
  void add_mirrored(std::int64_t value) { ++noise_[place(value)]; }
  void merge(const peak_tails& other);
  /// To be called after the last value: the next functions need sums.
  void cumulate();

  [[nodiscard]] std::uint64_t above(std::int64_t value) const { return charges_.back() - charges_[place(value)]; }
  [[nodiscard]] std::uint64_t mirrored_above(std::int64_t value) const { return noise_.back() - noise_[place(value)]; }
  [[nodiscard]] std::int64_t highest() const { return static_cast<std::int64_t>(charges_.size()) - 3; }

 private:
  /// The first place holds values below 0, the last those beyond the highest; sums after cumulate().
  [[nodiscard]] std::size_t place(std::int64_t value) const;

  std::vector<std::uint64_t> charges_;
  std::vector<std::uint64_t> noise_;
};

/// A threshold, in 1/16 ADU, and what the sample shows beyond it.
struct mirrored_threshold {
  std::int64_t threshold16 = 0;
  std::uint64_t charges = 0;  ///< N+: of the sample
  std::uint64_t noise = 0;    ///< N-: of the mirrored sample
};

/// A sample seen from its thresholds. Refers to the tails it was made from.
struct mirrored_sample {
  std::int64_t first = 0;  ///< the lowest threshold there is
  std::int64_t last = 0;   ///< the highest
  std::function<mirrored_threshold(std::int64_t)> beyond;
};

/// Thresholds of charges, from the noise's mean on, mirrored there.
[[nodiscard]] mirrored_sample mirrored_charges(const charge_tails& tails, const gaussian& noise);
/// Thresholds of peaks' charges or scores, from `first` on.
[[nodiscard]] mirrored_sample mirrored_peaks(const peak_tails& tails, std::int64_t first);

/// The threshold from `lowest` on with the greatest (N+ - N-)^2 / N+, the highest of equals. Exact in integers. Empty where the
/// sample shows no electrons: where N+ - N- there is less than 5 times its own standard deviation, (N+ + N-)^(1/2).
[[nodiscard]] std::optional<mirrored_threshold> best_threshold(const mirrored_sample& sample, std::int64_t lowest);

/// The lowest threshold with N- of at most `most`. Empty where none within reach has so few.
[[nodiscard]] std::optional<mirrored_threshold> threshold_with_noise(const mirrored_sample& sample, std::uint64_t most);

}  // namespace countem::engine
