#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

// The noise peak of a charge histogram, without the electrons.
//
// Most detector pixels hold noise, some hold part of an electron's charge. Charge is only ever added, so electrons deform the
// peak's right flank and leave the left one alone, but for its height. A Gaussian of free height is therefore fitted by maximum
// likelihood (Poisson counts) to a window that reaches from 3 sigma left of the centre to half a sigma right of it, and the
// window follows the fit until it stands still. In ln(counts) the Gaussian is a parabola: a generalised linear model with one
// maximum, found by Newton's method.
namespace countem::engine {

/// Counts of charges in bins of equal width, in 1/16 ADU. Charges outside are left out.
///
/// Charges are not spread evenly inside a bin: an integer detector without dark reference gives multiples of 16 alone, a dark
/// reference of three frames gives three values per ADU. So the histogram keeps where in their bins the charges lie.
class charge_histogram {
 public:
  charge_histogram(std::int32_t first, std::int32_t step, std::size_t bins) : first_(first), step_(step), counts_(bins) {}

  void add(std::int32_t charge) {
    const std::int64_t far = std::int64_t{charge} - first_;
    if (far < 0) return;
    // Charges end at 2^30. 32 bits are divided in half the time of 64.
    const auto distance = static_cast<std::uint32_t>(far);
    const std::uint32_t bin = distance / static_cast<std::uint32_t>(step_);
    if (bin >= counts_.size()) return;
    const auto inside = static_cast<double>(distance % static_cast<std::uint32_t>(step_));
    ++counts_[bin];
    ++total_;
    inside_sum_ += inside;
    inside_squares_ += inside * inside;
  }
  void merge(const charge_histogram& other);

  [[nodiscard]] std::int32_t first() const { return first_; }  ///< lowest charge of the first bin
  [[nodiscard]] std::int32_t step() const { return step_; }
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }

  /// Where a bin's charges lie on average.
  [[nodiscard]] double centre(std::size_t bin) const;
  /// Their variance about it, to be taken off a width that was found with bins (Sheppard's correction).
  [[nodiscard]] double variance_inside() const;

 private:
  [[nodiscard]] double mean_inside() const;

  std::int32_t first_;
  std::int32_t step_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  double inside_sum_ = 0;
  double inside_squares_ = 0;
};

/// In 1/16 ADU. The sigma is that of the charges, the detector's rounding to whole ADU (variance 1/12 ADU^2) included.
struct gaussian {
  double mean = 0;
  double sigma = 0;
};

/// Where the densest quarter of the charges lies, as the Gaussian that this quarter would be the middle of. Sorts `charges`,
/// which must not be empty.
[[nodiscard]] gaussian densest_quarter(std::span<std::int32_t> charges);

/// The window of a fit: bins [first, last].
struct bin_window {
  std::size_t first = 0;
  std::size_t last = 0;
  friend auto operator<=>(const bin_window&, const bin_window&) = default;
};

/// The bins from 3 sigma left of a peak to half a sigma right of it, at least five, none of which holds a charge at or below
/// `clipped`. Empty when they reach beyond the last bin.
[[nodiscard]] std::optional<bin_window> window_around(const charge_histogram& histogram, const gaussian& peak,
                                                      std::optional<std::int32_t> clipped);

/// Whether a fitted peak is where most charges are: within 3 sigma of `dense`, and at most 5 times as wide. One that is not is
/// an artefact of the fit.
[[nodiscard]] bool is_at(const gaussian& peak, const gaussian& dense);

/// Fits the noise peak, starting from a rough idea of it. `clipped`: no charge at or below it is trusted, because the detector
/// or its electronics cut there. Empty when the fit finds no peak.
[[nodiscard]] std::optional<gaussian> fit_noise_peak(const charge_histogram& histogram, gaussian start,
                                                     std::optional<std::int32_t> clipped = {});

}  // namespace countem::engine
