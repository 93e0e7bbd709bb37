#include <countem/threshold_sweep.hpp>

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <string>

#include <countem/error.hpp>

#include "host/engine/threads.hpp"
#include "host/engine/thresholds.hpp"

namespace countem {

namespace {

constexpr double most_thresholds = 1000;

double number_from(std::string_view text, std::string_view whole) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw invalid_argument("'" + std::string(whole) + "' is not FIRST:LAST:STEP, three numbers of sigmas as 3:6:0.25");
  }
  return value;
}

/// The calibration with another threshold in place of its own.
calibration with_threshold(calibration used, const noise_fit& fit, counting_method method, double sigmas) {
  used.pixel_background16.clear();
  if (method != counting_method::peaks) {
    used.background16 = background_from_adu(std::max(0.0, fit.mean_adu + sigmas * fit.sigma_adu));
  } else {
    used.background16 =
        background_from_adu(std::max(0.0, fit.mean_adu + std::min(sigmas, engine::fewest_sigmas) * fit.sigma_adu));
    used.score16 = score_from_adu(std::max(0.0, engine::score_with_sigmas(fit, sigmas)));
  }
  used.xray16 = std::max(used.xray16, used.background16 + 1);
  return used;
}

/// Sums over the sampled frames; integers, so that their order does not matter.
struct sums {
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> pixels{0};
};

}  // namespace

std::optional<double> expected_noise(const noise_fit& fit, double threshold_adu) {
  const threshold_curve& curve = fit.curve;
  if (curve.noise.empty()) return std::nullopt;
  const double at = std::floor((threshold_adu - curve.first_adu) / curve.step_adu + 1e-9);
  if (at < 0) return std::nullopt;
  const auto place = std::min(static_cast<std::size_t>(at), curve.noise.size() - 1);
  return static_cast<double>(curve.noise[place]) / static_cast<double>(fit.frames.size());
}

sweep_range parse_sweep(std::string_view text) {
  const std::size_t first = text.find(':');
  const std::size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) static_cast<void>(number_from("", text));
  const sweep_range range{number_from(text.substr(0, first), text),
                          number_from(text.substr(first + 1, second - first - 1), text),
                          number_from(text.substr(second + 1), text)};
  if (!(range.first > 0 && range.last >= range.first && range.step > 0 && range.last <= 1000)) {
    throw invalid_argument("the sweep '" + std::string(text) +
                           "' must begin above 0, end at or above its first threshold and at most at 1000, in steps above 0");
  }
  if ((range.last - range.first) / range.step >= most_thresholds)
    throw invalid_argument("the sweep '" + std::string(text) + "' has more than 1000 thresholds: take larger steps");
  return range;
}

std::vector<swept_threshold> sweep_thresholds(const frame_source& frames, const calibration& found,
                                              const counting_options& counting, const sweep_range& range, unsigned threads) {
  if (!found.fit || !std::isfinite(found.fit->sigma_adu)) {
    throw invalid_argument(
        "thresholds in sigmas need the fit of the noise peak, which the calibration lacks: find them from the frames");
  }
  const noise_fit& fit = *found.fit;
  counting_setup setup{frames.info().shape, frames.info().type, {}, counting};
  setup.options.values = event_value::size;
  std::vector<std::shared_ptr<const counting_plan>> plans;
  std::vector<swept_threshold> swept;
  const auto count = static_cast<std::size_t>(std::floor((range.last - range.first) / range.step + 1e-9)) + 1;
  for (std::size_t i = 0; i < count; ++i) {
    const double sigmas = range.first + static_cast<double>(i) * range.step;
    setup.calibrated = with_threshold(found, fit, counting.method, sigmas);
    plans.push_back(cpu::make_plan(setup));
    const double threshold_adu =
        static_cast<double>(setup.calibrated.score16.value_or(setup.calibrated.background16)) / charge_units_per_adu;
    swept.push_back({sigmas, threshold_adu, 0, expected_noise(fit, threshold_adu), 0});
  }

  std::vector<sums> all(plans.size());
  engine::run_with(threads, [&] {
    oneapi::tbb::parallel_for(std::size_t{0}, fit.frames.size(), [&](std::size_t i) {
      frame_batch batch;
      frames.read(fit.frames[i], 1, batch);
      event_batch events;
      for (std::size_t t = 0; t < plans.size(); ++t) {
        plans[t]->make_counter()->count({batch.frames.data(), 1}, events);
        all[t].events += events.indices.size();
        all[t].pixels += std::accumulate(events.values.begin(), events.values.end(), std::uint64_t{0});
      }
    });
  });
  for (std::size_t t = 0; t < swept.size(); ++t) {
    swept[t].events = static_cast<double>(all[t].events) / static_cast<double>(fit.frames.size());
    swept[t].pixels = all[t].events == 0 ? std::numeric_limits<double>::quiet_NaN()
                                         : static_cast<double>(all[t].pixels) / static_cast<double>(all[t].events);
  }
  return swept;
}

}  // namespace countem
