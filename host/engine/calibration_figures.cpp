#include <countem/calibration_figures.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "host/engine/line_plot.hpp"

namespace countem {

namespace {

constexpr rgb blue{20, 84, 150};
constexpr rgb orange{196, 78, 32};
constexpr rgb green{52, 130, 80};
constexpr rgb grey{120, 126, 138};
constexpr double sigmas_left = 8;
constexpr double sigmas_right = 24;

/// Logarithms end where there is less than one.
double log_of(double count) {
  return count >= 1 ? std::log10(count) : std::numeric_limits<double>::quiet_NaN();
}

/// Values of a curve between two places.
class clipped_line {
 public:
  clipped_line(std::string name, rgb colour, double first, double last)
      : line_{std::move(name), {}, {}, colour}, first_(first), last_(last) {}

  void add(double x, double y) {
    if (x < first_ || x > last_) return;
    line_.x.push_back(x);
    line_.y.push_back(y);
  }
  [[nodiscard]] const plot_line& line() const { return line_; }

 private:
  plot_line line_;
  double first_;
  double last_;
};

plot_line threshold_line(const std::string& name, double at, double low, double high) {
  return {name, {at, at}, {low, high}, grey};
}

double lowest(const plot_line& line) {
  double least = 0;
  for (const double y : line.y) least = std::isfinite(y) ? std::min(least, y) : least;
  return least;
}

double highest(const plot_line& line) {
  double most = 1;
  for (const double y : line.y) most = std::isfinite(y) ? std::max(most, y) : most;
  return most;
}

picture draw_histogram(const calibration& drawn) {
  const noise_fit& fit = *drawn.fit;
  const bool fitted = fit.sigma_adu > 0;
  const double last_adu = fit.histogram_first_adu + fit.histogram_step_adu * static_cast<double>(fit.histogram.size());
  const double first = fitted ? fit.mean_adu - sigmas_left * fit.sigma_adu : fit.histogram_first_adu;
  const double last = fitted ? fit.mean_adu + sigmas_right * fit.sigma_adu : last_adu;
  clipped_line charges("charges", blue, first, last);
  clipped_line mirrored("mirrored", orange, first, last);
  clipped_line peak("fit", green, first, last);
  double total = 0;
  for (std::size_t bin = 0; bin < fit.histogram.size(); ++bin) {
    const double centre = fit.histogram_first_adu + (static_cast<double>(bin) + 0.5) * fit.histogram_step_adu;
    const auto count = static_cast<double>(fit.histogram[bin]);
    charges.add(centre, log_of(count));
    if (!fitted || centre > fit.mean_adu) continue;
    total += 2 * count;
    mirrored.add(2 * fit.mean_adu - centre, log_of(count));
  }
  std::vector<plot_line> lines{charges.line()};
  if (fitted) {
    const double scale = total * fit.histogram_step_adu / (fit.sigma_adu * std::sqrt(2 * std::numbers::pi));
    for (double x = first; x <= last; x += fit.sigma_adu / 8) {
      const double from_mean = (x - fit.mean_adu) / fit.sigma_adu;
      peak.add(x, log_of(scale * std::exp(-0.5 * from_mean * from_mean)));
    }
    lines.push_back(mirrored.line());
    lines.push_back(peak.line());
  }
  const double top = highest(charges.line());
  const double background = in_adu(drawn.background16);
  if (background <= last) lines.push_back(threshold_line(drawn.score16 ? "candidates" : "threshold", background, 0, top));
  return draw_line_plot(
      lines, {fmt::format("Charges of {} sampled frames", fit.frames.size()), "charge (ADU)", "pixels (power of 10)"});
}

picture draw_curves(const calibration& drawn) {
  const noise_fit& fit = *drawn.fit;
  const bool scores = drawn.score16.has_value();
  plot_line beyond{"beyond it", {}, {}, blue};
  plot_line mirrored{"of noise (mirrored)", {}, {}, orange};
  const auto per_frame = [&](std::uint64_t count) {
    const double value = static_cast<double>(count) / static_cast<double>(fit.frames.size());
    return count == 0 ? std::numeric_limits<double>::quiet_NaN() : std::log10(value);
  };
  for (std::size_t i = 0; i < fit.curve.charges.size(); ++i) {
    const double at = fit.curve.first_adu + static_cast<double>(i) * fit.curve.step_adu;
    for (plot_line* line : {&beyond, &mirrored}) line->x.push_back(at);
    beyond.y.push_back(per_frame(fit.curve.charges[i]));
    mirrored.y.push_back(per_frame(fit.curve.noise[i]));
  }
  const double threshold = in_adu(static_cast<double>(scores ? *drawn.score16 : drawn.background16));
  std::vector<plot_line> lines{beyond, mirrored};
  if (!beyond.x.empty() && threshold <= beyond.x.back())
    lines.push_back(threshold_line("threshold", threshold, lowest(mirrored), highest(beyond)));
  return draw_line_plot(lines, {"Events and noise beyond each threshold", scores ? "score threshold (ADU)" : "threshold (ADU)",
                                "per frame (power of 10)"});
}

}  // namespace

std::vector<std::filesystem::path> calibration_figure_names(const std::filesystem::path& calibration_file,
                                                            const std::filesystem::path& directory) {
  const std::string stem = calibration_file.stem().string();
  return {directory / (stem + "_histogram.png"), directory / (stem + "_thresholds.png")};
}

std::vector<std::filesystem::path> write_calibration_figures(const calibration& drawn,
                                                             const std::filesystem::path& calibration_file,
                                                             const std::filesystem::path& directory,
                                                             const output_rules& rules) {
  std::vector<std::filesystem::path> names = calibration_figure_names(calibration_file, directory);
  if (!drawn.fit || drawn.fit->histogram.empty()) return {};
  write_png(names[0], draw_histogram(drawn), rules);
  if (drawn.fit->curve.charges.empty()) {
    names.pop_back();
    return names;
  }
  write_png(names[1], draw_curves(drawn), rules);
  return names;
}

}  // namespace countem
