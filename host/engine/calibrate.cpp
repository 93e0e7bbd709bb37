// Thresholds from a sample of the frames themselves (docs/calibration.md).
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <countem/calibrate.hpp>
#include <countem/error.hpp>

#include "host/engine/drift.hpp"
#include "host/engine/input_checks.hpp"
#include "host/engine/noise_peak.hpp"
#include "host/engine/robust.hpp"
#include "host/engine/sample.hpp"
#include "host/engine/thresholds.hpp"

namespace countem {

namespace {

/// Bins of the histogram: this many in all, of them so many left of the noise peak.
constexpr std::size_t histogram_bins = 4096;
constexpr std::int64_t histogram_bins_left = 64;

/// Distances of thresholds beyond it leave every detector's range.
constexpr double most_sigmas = 1 << 20;

std::string text(double adu) {
  std::string digits = std::to_string(adu);
  digits.erase(digits.find('.') + 3);
  return digits + " ADU";
}

void check(const calibration_options& options) {
  if (options.samples == 0) throw invalid_argument("calibration needs at least one sample frame");
  const auto require_usable = [](double sigmas, const char* what) {
    if (std::isfinite(sigmas) && sigmas > 0 && sigmas <= most_sigmas) return;
    throw invalid_argument(std::string("the ") + what + " threshold's distance of " + std::to_string(sigmas) +
                           " sigmas must be above 0 and at most 2^20");
  };
  if (options.background_sigmas) require_usable(*options.background_sigmas, "background");
  require_usable(options.xray_sigmas, "X-ray");
  if (options.false_hits && !(*options.false_hits > 0 && std::isfinite(*options.false_hits)))
    throw invalid_argument("the number of false events per frame must be above 0");
  if (options.score_adu && options.method != counting_method::peaks)
    throw invalid_argument("a score threshold needs method peaks: the other methods have no scores");
}

/// Charges of whole ADU lie this far apart. Floating-point frames may hold whole ADU, too: whether charges fill the grain shows
/// it where their spread (of the sorted charges) is not much narrower than the grain; else they are taken to have none.
std::int32_t grain_of(const calibration& calibrated, pixel_type type, const std::vector<std::int32_t>& charges) {
  const std::int32_t half_of_them = charges[3 * charges.size() / 4] - charges[charges.size() / 4];
  if (type == pixel_type::f32 && half_of_them < charge_units_per_adu) return 1;
  if (calibrated.gain.empty()) return charge_units_per_adu;
  std::vector<float> gains;
  std::copy_if(calibrated.gain.begin(), calibrated.gain.end(), std::back_inserter(gains),
               [](float gain) { return std::isfinite(gain) && gain > 0; });
  return static_cast<std::int32_t>(std::clamp(std::round(charge_units_per_adu * engine::median(gains)), 1.0F, 0x1p20F));
}

/// Whether the charges are spread over all values between two whole ADU, as a dark reference of many frames spreads them.
bool fills_grain(const std::vector<std::int32_t>& charges, std::int32_t grain) {
  std::vector<std::size_t> rest(static_cast<std::size_t>(grain));
  for (const std::int32_t charge : charges) ++rest[static_cast<std::size_t>(((charge % grain) + grain) % grain)];
  const std::size_t even_share = charges.size() / rest.size();
  return *std::max_element(rest.begin(), rest.end()) < 2 * even_share;
}

/// A histogram around the densest charges: about two bins a sigma or more, whole grains a bin unless the charges fill the
/// grain.
engine::charge_histogram empty_histogram(const std::vector<std::int32_t>& charges, std::int32_t grain,
                                         const engine::gaussian& dense) {
  std::int64_t step = fills_grain(charges, grain) ? 1 : grain;
  while (2.0 * static_cast<double>(2 * step) <= dense.sigma) step *= 2;
  const auto middle = static_cast<std::int64_t>(std::floor(dense.mean / static_cast<double>(step)));
  const std::int64_t first = (middle - histogram_bins_left) * step;
  return {static_cast<std::int32_t>(std::max<std::int64_t>(first, std::numeric_limits<std::int32_t>::min())),
          static_cast<std::int32_t>(step), histogram_bins};
}

/// The peak of the noise, or a sentence about why there is none.
engine::gaussian noise_peak(const engine::charge_histogram& histogram, engine::gaussian start,
                            std::optional<std::int32_t> clipped) {
  if (clipped && start.mean <= *clipped) {
    throw format_error(
        "the noise peak cannot be fitted: most of the sampled pixels hold 0, the detector or its electronics cut the noise off",
        {{advice_kind::thresholds}});
  }
  start.sigma = std::max(start.sigma, static_cast<double>(histogram.step()));
  const std::optional<engine::gaussian> peak = engine::fit_noise_peak(histogram, start, clipped);
  if (!peak || !engine::is_at(*peak, start)) {
    throw format_error("the fit of the noise peak does not converge: the densest charges lie near " + text(in_adu(start.mean)) +
                           " and do not look like Gaussian noise",
                       {{advice_kind::dark_reference}, {advice_kind::thresholds}});
  }
  return *peak;
}

/// Tails far enough to hold every threshold that noise needs.
engine::charge_tails empty_tails(const engine::gaussian& dense) {
  constexpr double sigmas = 64;
  constexpr double least = 1 << 10;
  constexpr double most = 1 << 20;
  return {static_cast<std::int32_t>(std::lround(dense.mean)),
          static_cast<std::int32_t>(std::clamp(sigmas * dense.sigma, least, most))};
}

/// Where no threshold is given, a peak that cannot be fitted is an error. The width of the noise is of interest beside a given
/// threshold, too.
void fit_noise(noise_fit& fit, const engine::charge_histogram& histogram, const engine::gaussian& dense,
               const calibration& calibrated, pixel_type type, const calibration_options& options) try {
  fit.histogram_first_adu = in_adu(histogram.first());
  fit.histogram_step_adu = in_adu(histogram.step());
  fit.histogram = histogram.counts();
  // Without a dark reference and a shift a charge of 0 is a raw 0, where noise that went lower was cut off.
  const bool may_clip = type != pixel_type::f32 && calibrated.dark16.empty() && options.background == background_method::none;
  const engine::gaussian peak = noise_peak(histogram, dense, may_clip ? std::optional<std::int32_t>(0) : std::nullopt);
  if (!options.background_adu) engine::require_noise(in_adu(peak.sigma));
  if (peak.sigma < 1) return;  // beside a given threshold: no noise that charges show
  fit.mean_adu = in_adu(peak.mean);
  fit.sigma_adu = in_adu(peak.sigma);
} catch (const format_error&) {
  if (!options.background_adu) throw;
}

/// The sample as it is stored: what was drawn, its statistics and histogram, and the fitted noise.
engine::described_sample describe_sample(const engine::charge_sample& sample, engine::charge_statistics& statistics,
                                         const calibration& calibrated, const calibration_options& options, pixel_type type) {
  noise_fit fit;
  fit.mean_adu = std::numeric_limits<double>::quiet_NaN();
  fit.sigma_adu = fit.mean_adu;
  fit.sample_mean_adu = in_adu(statistics.mean());
  fit.sample_sigma_adu = in_adu(statistics.sigma());
  fit.sample_min_adu = in_adu(statistics.lowest);
  fit.sample_max_adu = in_adu(statistics.highest);
  fit.background_sigmas = options.background_sigmas.value_or(usual_background_sigmas);
  fit.xray_sigmas = options.xray_sigmas;
  fit.seed = options.seed;
  fit.frames = sample.frames();
  const engine::gaussian dense = engine::densest_quarter(statistics.some);
  engine::charge_histogram histogram = empty_histogram(statistics.some, grain_of(calibrated, type, statistics.some), dense);
  engine::charge_tails tails = empty_tails(dense);
  sample.fill(histogram, tails);
  fit_noise(fit, histogram, dense, calibrated, type, options);
  return {sample, std::move(fit), std::move(tails)};
}

/// Where both thresholds are given, the sample is shown and decides nothing: a scan that has no histogram is no error.
std::optional<engine::described_sample> histogram_of_sample(const engine::sampled_frames& drawn, const calibration& calibrated,
                                                            const calibration_options& options) {
  const frame_source& frames = drawn.source;
  const engine::charge_sample sample(frames, calibrated, drawn.numbers, options.threads, options.background);
  if (sample.frames().empty()) return std::nullopt;
  engine::charge_statistics statistics = sample.statistics();
  if (statistics.some.empty()) return std::nullopt;
  if (statistics.lowest == statistics.highest) {
    engine::require_charges(calibrated, drawn);
    return std::nullopt;
  }
  return describe_sample(sample, statistics, calibrated, options, frames.info().type);
}

engine::described_sample fit_sample(const engine::sampled_frames& drawn, const calibration& calibrated,
                                    const calibration_options& options) {
  const frame_source& frames = drawn.source;
  const source_info& info = frames.info();
  const engine::charge_sample sample(frames, calibrated, drawn.numbers, options.threads, options.background);
  if (sample.frames().empty()) {
    throw format_error("none of the " + std::to_string(info.scan.frames()) +
                       " frames of the scan arrived: there is nothing to find thresholds from");
  }
  engine::charge_statistics statistics = sample.statistics();
  if (statistics.some.empty()) {
    throw invalid_argument(
        "no pixel of the " + std::to_string(sample.frames().size()) +
        " sampled frames can be used: all are masked, missing or not a number; check mask and gain reference");
  }
  if (statistics.lowest == statistics.highest) {
    engine::require_charges(calibrated, drawn);
    throw format_error("all pixels of the " + std::to_string(sample.frames().size()) + " sampled frames have the charge " +
                           text(in_adu(statistics.lowest)) + ": there is no noise to find thresholds from",
                       {{advice_kind::thresholds}});
  }
  return describe_sample(sample, statistics, calibrated, options, info.type);
}

}  // namespace

calibration calibrate(const frame_source& frames, calibration start, const calibration_options& options) {
  check(options);
  calibration result = std::move(start);
  result.background16 = 0;
  result.pixel_background16.clear();
  result.score16.reset();
  result.references_only = false;
  result.xray16 = no_xray_threshold;
  result.fit.reset();
  std::erase_if(result.notes, [](const source_issue& note) { return !note.kind.starts_with(dark_issue_prefix); });
  apply_source_mask(result, frames);
  validate(result, frames.info().shape);
  const std::vector<std::uint64_t> drawn = engine::draw_frames(frames, options.samples, options.seed, options.threads);
  const engine::sampled_frames sampled{frames, drawn, options.threads};
  engine::check_darks(result, sampled, options.accept_masked);
  require_usable_pixels(result);
  engine::note_gain(result);

  const std::optional<engine::described_sample> sample = options.background_adu && options.xray_adu
                                                             ? histogram_of_sample(sampled, result, options)
                                                             : std::optional(fit_sample(sampled, result, options));
  if (sample) result.fit = sample->fit;
  engine::set_thresholds(result, sample, options);
  validate(result, frames.info().shape);
  engine::note_noise(result);
  // Thresholds that the sample gives may be low on purpose.
  const bool given = options.background_sigmas || options.background_adu;
  if (given && !options.false_hits && !result.score16) engine::note_threshold(result);
  if (options.false_hits || (!given && !options.score_adu)) engine::note_blinking(result);
  if (options.needs_automatic && !given) engine::note_absent_darks(result);
  engine::note_frames(result, sampled);
  if (sample) engine::note_drift(result, sample->frames);
  return result;
}

}  // namespace countem
