#include "host/engine/noise_peak.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <set>
#include <utility>

#include "host/engine/exponential.hpp"

namespace countem::engine {

namespace {

/// The window of the fit, in sigmas left and right of the centre. The right edge trades bias by electrons against the spread of
/// the fit: with half a sigma a scan of 1 % occupancy moves the threshold by less than 0.1 ADU, and 10^6 pixels give the sigma
/// to 0.5 %.
constexpr double window_left = 3.0;
constexpr double window_right = 0.5;
/// A parabola has three parameters; two more bins make the fit a fit.
constexpr std::int64_t smallest_window = 5;
constexpr int most_windows = 100;
constexpr int most_newton_steps = 60;

/// ln(counts / height) = a + b t + c t^2, with t the distance from a centre in units of a width and the height of the first
/// guess.
using parabola = std::array<double, 3>;

/// Solves the symmetric system A x = b by elimination; `a` holds the sums of t^0 to t^4 as A[i][j] = a[i + j].
std::optional<parabola> solve(const std::array<double, 5>& a, const parabola& b) {
  // Cholesky: A is positive definite unless fewer than three bins have weight.
  const double l00 = std::sqrt(a[0]);
  const double l10 = a[1] / l00;
  const double l20 = a[2] / l00;
  const double l11 = std::sqrt(a[2] - l10 * l10);
  const double l21 = (a[3] - l20 * l10) / l11;
  const double l22 = std::sqrt(a[4] - l20 * l20 - l21 * l21);
  const double y0 = b[0] / l00;
  const double y1 = (b[1] - l10 * y0) / l11;
  const double y2 = (b[2] - l20 * y0 - l21 * y1) / l22;
  const double x2 = y2 / l22;
  const double x1 = (y1 - l21 * x2) / l11;
  const double x0 = (y0 - l10 * x1 - l20 * x2) / l00;
  if (!std::isfinite(x0) || !std::isfinite(x1) || !std::isfinite(x2)) return std::nullopt;
  return parabola{x0, x1, x2};
}

/// One fit in one window.
class window_fit {
 public:
  window_fit(const charge_histogram& histogram, bin_window in, gaussian start)
      : histogram_(histogram), in_(in), centre_(start.mean), width_(start.sigma), height_(height_of(first_guess)) {}

  [[nodiscard]] std::optional<gaussian> fit() const {
    parabola p = first_guess;
    double likelihood = log_likelihood(p);
    for (int i = 0; i < most_newton_steps; ++i) {
      const std::optional<parabola> step = newton_step(p);
      if (!step) return std::nullopt;
      const auto [next, gained] = climb(p, *step, likelihood);
      p = next;
      likelihood += gained;
      if (gained <= 1e-13 * std::abs(likelihood)) return peak_of(p);
    }
    return std::nullopt;
  }

 private:
  static constexpr parabola first_guess{0, 0, -0.5};

  [[nodiscard]] double distance(std::size_t bin) const { return (histogram_.centre(bin) - centre_) / width_; }
  static double shape(const parabola& p, double t) { return exponential(p[0] + t * (p[1] + t * p[2])); }
  [[nodiscard]] double expected(const parabola& p, double t) const { return height_ * shape(p, t); }

  /// The height with which a parabola expects as many charges in the window as there are.
  [[nodiscard]] double height_of(const parabola& p) const {
    double seen = 0;
    double sum = 0;
    for (std::size_t bin = in_.first; bin <= in_.last; ++bin) {
      seen += static_cast<double>(histogram_.counts()[bin]);
      sum += shape(p, distance(bin));
    }
    return seen / sum;
  }

  /// But for a constant.
  [[nodiscard]] double log_likelihood(const parabola& p) const {
    double sum = 0;
    for (std::size_t bin = in_.first; bin <= in_.last; ++bin) {
      const double t = distance(bin);
      sum += static_cast<double>(histogram_.counts()[bin]) * (p[0] + t * (p[1] + t * p[2])) - expected(p, t);
    }
    return sum;
  }

  [[nodiscard]] std::optional<parabola> newton_step(const parabola& p) const {
    std::array<double, 5> curvature{};
    parabola slope{};
    for (std::size_t bin = in_.first; bin <= in_.last; ++bin) {
      const double t = distance(bin);
      const double wanted = expected(p, t);
      const double missing = static_cast<double>(histogram_.counts()[bin]) - wanted;
      double power = 1;
      for (std::size_t k = 0; k < curvature.size(); ++k, power *= t) {
        curvature[k] += wanted * power;
        if (k < slope.size()) slope[k] += missing * power;
      }
    }
    return solve(curvature, slope);
  }

  /// The longest of the step, its half, its quarter, ... that gains, and what it gains; nothing when none does.
  [[nodiscard]] std::pair<parabola, double> climb(const parabola& from, const parabola& step, double likelihood) const {
    for (double part = 1; part > 1e-6; part /= 2) {
      const parabola to{from[0] + part * step[0], from[1] + part * step[1], from[2] + part * step[2]};
      const double gained = log_likelihood(to) - likelihood;
      if (gained > 0) return {to, gained};
    }
    return {from, 0};
  }

  [[nodiscard]] std::optional<gaussian> peak_of(const parabola& p) const {
    if (!(p[2] < 0)) return std::nullopt;
    const double variance = width_ * width_ / (-2 * p[2]) - histogram_.variance_inside();
    const gaussian peak{centre_ - width_ * p[1] / (2 * p[2]), std::sqrt(variance)};
    if (!std::isfinite(peak.mean) || !(peak.sigma > 0)) return std::nullopt;
    return peak;
  }

  const charge_histogram& histogram_;
  bin_window in_;
  double centre_;
  double width_;
  double height_;
};

/// By counting, where there are few different ones: most charges are noise.
void sort_charges(std::span<std::int32_t> charges) {
  const auto [lowest, highest] = std::minmax_element(charges.begin(), charges.end());
  const std::int64_t first = *lowest;
  const std::int64_t range = *highest - first + 1;
  constexpr std::int64_t widest = std::int64_t{1} << 22;
  if (range > std::min(widest, 16 * static_cast<std::int64_t>(charges.size()))) {
    std::sort(charges.begin(), charges.end());
    return;
  }
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(range));
  for (const std::int32_t charge : charges) ++counts[static_cast<std::size_t>(charge - first)];
  auto to = charges.begin();
  for (std::size_t i = 0; i < counts.size(); ++i)
    to = std::fill_n(to, counts[i], static_cast<std::int32_t>(first + static_cast<std::int64_t>(i)));
}

}  // namespace

std::optional<bin_window> window_around(const charge_histogram& histogram, const gaussian& peak,
                                        std::optional<std::int32_t> clipped) {
  const auto bins = static_cast<std::int64_t>(histogram.counts().size());
  // Where a charge lies in bins, kept within reach of the histogram whatever the fit gives.
  const auto position = [&](double charge) {
    return std::clamp((charge - histogram.centre(0)) / histogram.step(), -1.0, static_cast<double>(bins));
  };
  const std::int64_t lowest =
      clipped ? std::max<std::int64_t>(0, (std::int64_t{*clipped} - histogram.first()) / histogram.step() + 1) : 0;
  auto first = static_cast<std::int64_t>(std::ceil(position(peak.mean - window_left * peak.sigma)));
  auto last = static_cast<std::int64_t>(std::floor(position(peak.mean + window_right * peak.sigma)));
  // A narrow peak gets its bins on the left, where there are no electrons; empty ones count in the fit, too.
  first = std::max(lowest, std::min(first, last - smallest_window + 1));
  last = std::max(last, first + smallest_window - 1);
  if (last >= bins) return std::nullopt;
  return bin_window{static_cast<std::size_t>(first), static_cast<std::size_t>(last)};
}

bool is_at(const gaussian& peak, const gaussian& dense) {
  return std::abs(peak.mean - dense.mean) <= 3 * dense.sigma && peak.sigma <= 5 * dense.sigma;
}

void charge_histogram::merge(const charge_histogram& other) {
  std::transform(counts_.begin(), counts_.end(), other.counts_.begin(), counts_.begin(), std::plus<>());
  total_ += other.total_;
  inside_sum_ += other.inside_sum_;
  inside_squares_ += other.inside_squares_;
}

double charge_histogram::mean_inside() const {
  return total_ == 0 ? 0 : inside_sum_ / static_cast<double>(total_);
}

double charge_histogram::centre(std::size_t bin) const {
  return first_ + static_cast<double>(bin) * step_ + mean_inside();
}

double charge_histogram::variance_inside() const {
  const double mean = mean_inside();
  return total_ == 0 ? 0 : inside_squares_ / static_cast<double>(total_) - mean * mean;
}

gaussian densest_quarter(std::span<std::int32_t> charges) {
  sort_charges(charges);
  const std::size_t quarter = std::max<std::size_t>(1, charges.size() / 4);
  std::size_t best = 0;
  std::int64_t width = std::int64_t{charges[quarter - 1]} - charges[0];
  for (std::size_t i = 1; i + quarter <= charges.size(); ++i) {
    const std::int64_t here = std::int64_t{charges[i + quarter - 1]} - charges[i];
    if (here < width) {
      width = here;
      best = i;
    }
  }
  // The middle quarter of a Gaussian is 0.637 sigma wide.
  return {static_cast<double>(charges[best]) + static_cast<double>(width) / 2, static_cast<double>(width) / 0.637};
}

std::optional<gaussian> fit_noise_peak(const charge_histogram& histogram, gaussian start, std::optional<std::int32_t> clipped) {
  gaussian peak = start;
  std::set<bin_window> seen;
  for (int i = 0; i < most_windows; ++i) {
    const std::optional<bin_window> next = window_around(histogram, peak, clipped);
    if (!next) return std::nullopt;
    // The window stands still, or goes round in a circle of neighbours that are equally good.
    if (!seen.insert(*next).second) return peak;
    const std::optional<gaussian> fitted = window_fit(histogram, *next, peak).fit();
    if (!fitted) return std::nullopt;
    peak = *fitted;
  }
  return std::nullopt;
}

}  // namespace countem::engine
