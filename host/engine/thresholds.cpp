#include "host/engine/thresholds.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <countem/error.hpp>

#include "host/engine/input_checks.hpp"

namespace countem::engine {

namespace {

/// The score of a pixel of charge c among pixels of charge m: twice c, and a block of c and three m.
constexpr double score_per_level = 3;
/// What a fit may hold: a threshold may be given beside almost no noise.
constexpr double most_sigmas = 1 << 20;

double in_adu(double charge) {
  return charge / charge_units_per_adu;
}

gaussian noise_of(const noise_fit& fit) {
  return {fit.mean_adu * charge_units_per_adu, fit.sigma_adu * charge_units_per_adu};
}

bool is_fitted(const calibration& found) {
  return found.fit && std::isfinite(found.fit->mean_adu) && std::isfinite(found.fit->sigma_adu);
}

/// Charges below the noise peak's mean are noise alone where each pixel's own dark level was taken away.
bool can_mirror(const calibration& found) {
  return !found.dark16.empty() && is_fitted(found);
}

/// What the sample gives where that is asked for and possible.
std::optional<mirrored_threshold> sampled_threshold(const calibration& found, const mirrored_sample& sample,
                                                    std::int64_t lowest, const calibration_options& options) {
  if (!options.false_hits) return best_threshold(sample, lowest);
  const double per_frame = *options.false_hits;
  const std::size_t frames = found.fit->frames.size();
  const double in_sample = per_frame * static_cast<double>(frames);
  if (in_sample < 1) {
    throw invalid_argument("a sample of " + std::to_string(frames) + " frames does not show a rate of " +
                           std::to_string(per_frame) + " false events per frame: sample at least " +
                           std::to_string(static_cast<std::uint64_t>(std::ceil(1 / per_frame))) + " frames");
  }
  const auto with_noise = threshold_with_noise(sample, static_cast<std::uint64_t>(std::min(in_sample, 0x1p62)));
  if (!with_noise) {
    throw format_error("no threshold leaves as few as " + std::to_string(per_frame) +
                       " false events per frame: the charges below the noise peak reach too far down");
  }
  return with_noise;
}

/// Whether the sample itself is to give a threshold.
bool asks_sample(const calibration& found, const calibration_options& options) {
  if (options.false_hits && !can_mirror(found)) {
    throw invalid_argument("a number of false events can be kept to only where each pixel's dark level is known",
                           {{advice_kind::dark_reference}});
  }
  return options.false_hits || (!options.background_sigmas && can_mirror(found));
}

/// What is known of the threshold, and of others.
void describe_threshold(noise_fit& fit, const mirrored_sample& sample, std::int64_t threshold16, std::int64_t first16,
                        std::int64_t last16) {
  if (threshold16 >= sample.first && threshold16 <= sample.last) {
    const mirrored_threshold there = sample.beyond(threshold16);
    const auto noise = static_cast<double>(std::min(there.noise, there.charges));
    if (there.charges != 0) {
      fit.expected = false_hits{static_cast<double>(there.noise) / static_cast<double>(fit.frames.size()),
                                noise / static_cast<double>(there.charges)};
    }
  }
  constexpr std::int64_t most_points = 4096;
  first16 = std::clamp(first16, sample.first, sample.last);
  last16 = std::clamp(last16, first16, sample.last);
  const std::int64_t step16 = (last16 - first16) / most_points + 1;
  fit.curve.first_adu = in_adu(static_cast<double>(first16));
  fit.curve.step_adu = in_adu(static_cast<double>(step16));
  for (std::int64_t t = first16; t <= last16; t += step16) {
    const mirrored_threshold there = sample.beyond(t);
    fit.curve.charges.push_back(there.charges);
    fit.curve.noise.push_back(there.noise);
  }
}

/// How far thresholds are described: beyond it is no noise.
constexpr double described_sigmas = 20;

std::int64_t rounded_up(double charge) {
  return static_cast<std::int64_t>(std::ceil(std::clamp(charge, -0x1p40, 0x1p40)));
}

std::int32_t background_with_sigmas(const noise_fit& fit, double sigmas) {
  const double threshold = fit.mean_adu + sigmas * fit.sigma_adu;
  if (threshold < 0) {
    std::string level = std::to_string(-fit.mean_adu);
    level.erase(level.find('.') + 3);
    throw invalid_argument(
        "the dark reference lies " + level +
        " ADU above the noise of the frames, so that the background threshold would be below 0: give a dark reference taken "
        "with the same settings");
  }
  return background_from_adu(threshold);
}

/// Charges by which thresholds are judged: of pixels where each is an event, else of local maxima, of which an electron has
/// one. Maxima below `fewest_described` sigmas are left out.
mirrored_sample mirrored_events(const calibration& found, const described_sample& sample, counting_method method,
                                std::optional<peak_tails>& maxima) {
  const gaussian noise = noise_of(*found.fit);
  if (method == counting_method::pixels) return mirrored_charges(sample.tails, noise);
  constexpr double fewest_described = 2;
  const auto first = static_cast<std::int32_t>(std::clamp(noise.mean + fewest_described * noise.sigma, 0.0, 0x1p30));
  const auto highest = static_cast<std::int32_t>(std::clamp(noise.mean + 64 * noise.sigma, 0x1p10, 0x1p20));
  maxima = sample.frames.peaks(charge_sample::peak_value::charge, noise, first, found.xray16, std::max(first, highest));
  return mirrored_peaks(*maxima, first);
}

void set_background(calibration& found, const std::optional<described_sample>& sample, const calibration_options& options) {
  if (options.background_adu) {
    require_threshold(found, *options.background_adu);
    found.background16 = background_from_adu(*options.background_adu);
  }
  if (!sample || !is_fitted(found)) return;
  noise_fit& fit = *found.fit;
  const gaussian noise = noise_of(fit);
  std::optional<peak_tails> maxima;
  std::optional<mirrored_sample> mirrored;
  if (can_mirror(found)) mirrored = mirrored_events(found, *sample, options.method, maxima);
  std::optional<mirrored_threshold> best;
  if (!options.background_adu && asks_sample(found, options))
    best = sampled_threshold(found, *mirrored, rounded_up(noise.mean + fewest_sigmas * noise.sigma), options);
  if (best) found.background16 = static_cast<std::int32_t>(best->threshold16);
  if (best || options.background_adu) {
    fit.background_sigmas = std::min((in_adu(found.background16) - fit.mean_adu) / fit.sigma_adu, most_sigmas);
  } else {
    fit.background_sigmas = options.background_sigmas.value_or(usual_background_sigmas);
    found.background16 = background_with_sigmas(fit, fit.background_sigmas);
  }
  if (mirrored) {
    describe_threshold(fit, *mirrored, found.background16, rounded_up(noise.mean),
                       rounded_up(noise.mean + described_sigmas * noise.sigma));
  }
}

/// The score of a lone pixel of that charge.
double lone_score_adu(double charge_adu, double level_adu) {
  return score_per_charge * charge_adu + score_per_level * level_adu;
}

/// Method peaks: the background threshold makes candidates.
void set_candidates(calibration& found, const calibration_options& options) {
  if (options.background_adu) require_threshold(found, *options.background_adu);
  const double sigmas = std::min(fewest_sigmas, options.background_sigmas.value_or(fewest_sigmas));
  found.background16 =
      options.background_adu ? background_from_adu(*options.background_adu) : background_with_sigmas(*found.fit, sigmas);
}

void set_score(calibration& found, const std::optional<described_sample>& sample, const calibration_options& options) {
  const double level_adu = is_fitted(found) ? found.fit->mean_adu : 0;
  if (options.score_adu) {
    found.score16 = score_from_adu(*options.score_adu);
  } else if (options.background_adu) {
    found.score16 = score_from_adu(std::max(0.0, lone_score_adu(*options.background_adu, level_adu)));
  }
  if (!sample || !is_fitted(found)) return;
  noise_fit& fit = *found.fit;
  const gaussian noise = noise_of(fit);
  const auto score_of = [&](double sigmas) { return charge_units_per_adu * score_with_sigmas(fit, sigmas); };
  std::optional<peak_tails> tails;
  if (can_mirror(found)) {
    const auto highest = static_cast<std::int32_t>(std::clamp(score_of(64), 0x1p12, 0x1p22));
    tails = sample->frames.peaks(charge_sample::peak_value::score, noise, found.background16, found.xray16, highest);
  }
  if (!found.score16 && asks_sample(found, options)) {
    const auto best =
        sampled_threshold(found, mirrored_peaks(*tails, 0), rounded_up(score_of(0) + fewest_sigmas * noise.sigma), options);
    if (best) found.score16 = best->threshold16;
  }
  if (!found.score16) {
    const double sigmas = options.background_sigmas.value_or(usual_background_sigmas);
    found.score16 = score_from_adu(std::max(0.0, in_adu(score_of(sigmas))));
  }
  if (tails) describe_threshold(fit, mirrored_peaks(*tails, 0), *found.score16, 0, rounded_up(score_of(described_sigmas)));
  fit.background_sigmas = sigmas_of(found);
}

/// The noise peak's mean + n of the pixel's own dark sigmas, never below the threshold for all pixels: few dark frames make
/// some sigmas too small by chance.
std::vector<std::int32_t> pixel_backgrounds(const calibration& found, double mean_adu, double sigmas) {
  if (found.dark_sigma_adu.empty()) {
    throw invalid_argument("thresholds per pixel need the noise of each pixel", {{advice_kind::dark_frames}});
  }
  std::vector<std::int32_t> thresholds(found.dark_sigma_adu.size(), found.background16);
  for (std::size_t p = 0; p < thresholds.size(); ++p) {
    const double gain = found.gain.empty() ? 1 : found.gain[p];
    const double own_adu = mean_adu + sigmas * gain * found.dark_sigma_adu[p];
    const double highest_adu = charge_limit / charge_units_per_adu - 1;
    // Masked pixels may have any gain or sigma, NaN too; their threshold is never used.
    if (charge_units_per_adu * own_adu >= 1)
      thresholds[p] = std::max(thresholds[p], background_from_adu(std::min(own_adu, highest_adu)));
  }
  return thresholds;
}

}  // namespace

double score_with_sigmas(const noise_fit& fit, double sigmas) {
  return lone_score_adu(fit.mean_adu, fit.mean_adu) + score_per_charge * sigmas * fit.sigma_adu;
}

void set_thresholds(calibration& found, const std::optional<described_sample>& sample, const calibration_options& options) {
  found.xray16 = xray_from_adu(
      options.xray_adu ? *options.xray_adu : found.fit->sample_mean_adu + options.xray_sigmas * found.fit->sample_sigma_adu);
  double pixel_sigmas = fewest_sigmas;
  if (options.method == counting_method::peaks) {
    set_candidates(found, options);
    set_score(found, sample, options);
  } else {
    set_background(found, sample, options);
    pixel_sigmas =
        options.background_adu ? options.background_sigmas.value_or(usual_background_sigmas) : found.fit->background_sigmas;
  }
  if (!options.per_pixel_thresholds) return;
  const double mean_adu = options.background_adu ? 0 : found.fit->mean_adu;
  found.pixel_background16 = pixel_backgrounds(found, mean_adu, pixel_sigmas);
}

}  // namespace countem::engine
