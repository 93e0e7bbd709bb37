#include "host/engine/input_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include <countem/error.hpp>

#include "host/engine/frame_facts.hpp"
#include "host/engine/robust.hpp"
#include "host/engine/sample.hpp"
#include "host/engine/thresholds.hpp"

namespace countem {

namespace engine {

namespace {

constexpr double most_masked = 0.1;
/// Cosmic rays and unstable pixels change fewer pixels of good darks.
constexpr double most_restless = 0.005;
/// Noise that differs by more than a tenth is another detector's, or of other settings.
constexpr double noise_tolerance = 1.1;
/// Below it the rounding of integer detectors to whole ADU is no noise, and widths cannot be compared.
constexpr double least_compared_adu = 0.5;
/// Few darks give each pixel's noise badly.
constexpr std::uint64_t fewest_compared_darks = 8;
constexpr double least_sigmas = 3.5;
constexpr double advised_sigmas = 4.5;
constexpr double most_of_a_frame = 0.1;
constexpr float least_usual_gain = 0.1F;
constexpr float most_usual_gain = 10;
/// Masks that are found; the others are given by the caller, who knows why.
constexpr unsigned found_reasons = mask_hot | mask_dead | mask_blinking;
constexpr unsigned given_reasons = mask_given | mask_gain;

double in_adu(std::int32_t charge) {
  return static_cast<double>(charge) / charge_units_per_adu;
}

/// "1,234,567".
std::string with_separators(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, 1, ',');
  return digits;
}

void add_note(calibration& made, std::string kind, std::string text, std::vector<advice> advised = {}) {
  made.notes.push_back({std::move(kind), std::move(text), 1, std::move(advised)});
}

std::string name_of_darks(const calibration& made) {
  return made.dark_files.empty() ? std::string() : fmt::format("{}: ", made.dark_files.front().path.string());
}

/// How many of the dark files are files of the scan.
std::size_t files_of_both(const calibration& made, const source_info& scan) {
  const auto is_of_scan = [&](const input_file& dark) {
    return std::any_of(scan.files.begin(), scan.files.end(), [&](const input_file& file) {
      const bool is_known = dark.opened.inode != 0 && file.opened.inode != 0;
      return is_known && dark.opened.inode == file.opened.inode && dark.opened.device == file.opened.device;
    });
  };
  return static_cast<std::size_t>(std::count_if(made.dark_files.begin(), made.dark_files.end(), is_of_scan));
}

/// Sectors that the frames have and of which every dark pixel is dead, by number.
std::vector<std::uint32_t> missing_sectors(const calibration& made, std::uint8_t present, sector_split split) {
  if (split == sector_split::none || made.mask.empty()) return {};
  std::array<bool, sectors_per_frame> alive{};
  for (std::uint64_t p = 0; p < made.mask.size(); ++p) {
    if ((made.mask[p] & mask_dead) == 0) alive[sector_of(p, made.shape, split)] = true;
  }
  std::vector<std::uint32_t> missing;
  for (std::uint32_t sector = 0; sector < sectors_per_frame; ++sector) {
    if (!alive[sector] && ((present >> sector) & 1U) != 0) missing.push_back(sector);
  }
  return missing;
}

/// "module 2 of the dark frames is missing", "modules 1 to 3 of the dark frames are missing".
std::string words_of_missing(const std::vector<std::uint32_t>& sectors) {
  if (sectors.size() == 1) return fmt::format("module {} of the dark frames is missing", sectors.front());
  const bool in_a_row = sectors.size() > 2 && sectors.back() - sectors.front() + 1 == sectors.size();
  if (in_a_row) return fmt::format("modules {} to {} of the dark frames are missing", sectors.front(), sectors.back());
  std::string list = std::to_string(sectors.front());
  for (std::size_t i = 1; i < sectors.size(); ++i) {
    list += fmt::format("{}{}", i + 1 == sectors.size() ? " and " : ", ", sectors[i]);
  }
  return fmt::format("modules {} of the dark frames are missing", list);
}

/// Pixels of the sectors that the frames have, and how many of them the darks mask.
struct mask_share {
  std::uint64_t pixels = 0;
  std::uint64_t masked = 0;
  std::uint64_t restless = 0;  ///< hot or blinking
  [[nodiscard]] double share(std::uint64_t some) const {
    return pixels == 0 ? 0 : static_cast<double>(some) / static_cast<double>(pixels);
  }
};

mask_share share_of(const calibration& made, std::uint8_t present, sector_split split) {
  mask_share share;
  for (std::uint64_t p = 0; p < made.mask.size(); ++p) {
    if (((present >> sector_of(p, made.shape, split)) & 1U) == 0 || (made.mask[p] & given_reasons) != 0) continue;
    ++share.pixels;
    share.masked += (made.mask[p] & found_reasons) != 0 ? 1 : 0;
    share.restless += (made.mask[p] & (mask_hot | mask_blinking)) != 0 ? 1 : 0;
  }
  return share;
}

/// Whether there may be something to report, without reading a frame.
bool masks_much(const calibration& made) {
  const mask_share all = share_of(made, all_sectors, sector_split::none);
  return all.share(all.masked) > most_restless;
}

void refuse_masked(const calibration& made, const mask_share& share, const std::string& reason) {
  if (share.share(share.masked) <= most_masked) return;
  throw format_error(
      fmt::format("{}{} of {} pixels ({:.1f} %) are masked by the dark frames, more than a tenth of the detector: {}",
                  name_of_darks(made), with_separators(share.masked), with_separators(share.pixels),
                  100 * share.share(share.masked), reason),
      {{advice_kind::accept}});
}

/// Noise that the frames should have after the darks were subtracted, gain included, from the darks' own. NaN: not known.
struct expected_noise {
  double mean_adu = 0;    ///< from the mean of the pixels' variances, which few darks do not bias
  double median_adu = 0;  ///< from the median sigma
};

expected_noise noise_from_darks(const calibration& made) {
  std::vector<float> sigmas;
  double squares = 0;
  for (std::size_t p = 0; p < made.dark_sigma_adu.size(); ++p) {
    if (!can_have_charge(made, p) || !std::isfinite(made.dark_sigma_adu[p])) continue;
    const double gain = made.gain.empty() ? 1 : made.gain[p];
    const double sigma = gain * made.dark_sigma_adu[p];
    sigmas.push_back(static_cast<float>(sigma));
    squares += sigma * sigma;
  }
  if (sigmas.empty()) return {std::nan(""), std::nan("")};
  // The mean of n darks carries the noise of one divided by the root of n.
  const double subtracted = std::sqrt(1 + 1 / static_cast<double>(made.dark_frames));
  const double mean = std::sqrt(squares / static_cast<double>(sigmas.size())) * subtracted;
  return {mean, median(sigmas) * subtracted};
}

/// "1000" for a factor that brings `adu` to about `wanted`.
std::string factor_for(double adu, double wanted) {
  return fmt::format("{:.0f}", std::pow(10, std::ceil(std::log10(wanted / adu))));
}

std::string place_of(std::uint64_t pixel, frame_shape shape) {
  return fmt::format("row {}, column {}", pixel / shape.width, pixel % shape.width);
}

}  // namespace

void check_darks(calibration& made, const sampled_frames& frames, bool accept_masked) {
  if (made.dark16.empty()) return;
  std::string reason;
  const auto suspect = [&](const char* kind, std::string text) {
    if (reason.empty()) reason = text;
    add_note(made, kind, fmt::format("{}{}", name_of_darks(made), text), {{advice_kind::dark_reference}});
  };
  const std::size_t shared = files_of_both(made, frames.source.info());
  if (shared != 0) {
    suspect("darks_are_frames", shared == made.dark_files.size()
                                    ? "the dark frames are the scan itself: its electrons are subtracted from it"
                                    : fmt::format("{} of {} files of the dark frames are files of the scan itself", shared,
                                                  made.dark_files.size()));
  }
  if (!masks_much(made)) return;
  sector_split split = sector_split::none;
  const std::uint8_t present = sectors_of(frames.source, frames.numbers, split);
  const std::vector<std::uint32_t> missing = missing_sectors(made, present, split);
  if (!missing.empty()) suspect("darks_without_module", words_of_missing(missing));
  const mask_share share = share_of(made, present, split);
  if (share.share(share.restless) > most_restless) {
    suspect("electrons_in_darks",
            fmt::format("{:.1f} % of the pixels are far brighter in single dark frames than in the others, or than their "
                        "neighbours, as where electrons hit: darks are frames without beam",
                        100 * share.share(share.restless)));
  }
  if (!accept_masked) refuse_masked(made, share, reason.empty() ? "are they of this detector, and complete?" : reason);
  if (share.share(share.masked) > most_masked) {
    add_note(made, "mostly_masked",
             fmt::format("{} of {} pixels ({:.1f} %) are masked by the dark frames and count nothing",
                         with_separators(share.masked), with_separators(share.pixels), 100 * share.share(share.masked)));
  }
}

void require_threshold(const calibration& made, double background_adu) {
  if (!(background_adu > 0 && charge_units_per_adu * background_adu < 1)) return;
  std::string noise;
  if (made.fit && made.fit->sigma_adu > 0) {
    noise = fmt::format(" (the noise of the frames is {:.3g} ADU, so that {} sigma are {:.3g} ADU)", made.fit->sigma_adu,
                        advised_sigmas, made.fit->mean_adu + advised_sigmas * made.fit->sigma_adu);
  }
  throw invalid_argument(
      fmt::format("the background threshold of {:.3g} ADU is below 1/16 ADU, in which charges are counted, and "
                  "would be 0{}: give one above the noise, or bring values and thresholds to a larger unit",
                  background_adu, noise),
      {{advice_kind::background_sigmas, fmt::format("{}", advised_sigmas)},
       {advice_kind::scale, factor_for(background_adu, 10)}});
}

void require_noise(double sigma_adu) {
  if (!(sigma_adu < 1.0 / charge_units_per_adu)) return;
  throw format_error(fmt::format("the noise of the frames is {:.2g} ADU, below the 1/16 ADU that charges are counted in: the "
                                 "values are in another unit than the detector's",
                                 sigma_adu),
                     {{advice_kind::scale, factor_for(std::max(sigma_adu, 1e-3), 2)}});
}

void require_charges(const calibration& made, const sampled_frames& frames) {
  if (frames.source.info().type != pixel_type::f32 || !values_differ(frames.source, frames.numbers, made)) return;
  throw format_error(
      "the values of the sampled frames differ by less than the 1/16 ADU that charges are counted in, so that all charges are "
      "equal: they are in another unit than the detector's",
      {{advice_kind::scale}});
}

double sigmas_of(const calibration& found) {
  const noise_fit& fit = *found.fit;
  if (!found.score16) return (in_adu(found.background16) - fit.mean_adu) / fit.sigma_adu;
  const double score_adu = static_cast<double>(*found.score16) / charge_units_per_adu;
  const double level_adu = score_with_sigmas(fit, 0);
  return (score_adu - level_adu) / (score_per_charge * fit.sigma_adu);
}

void note_gain(calibration& made) {
  std::vector<float> usable;
  std::copy_if(made.gain.begin(), made.gain.end(), std::back_inserter(usable), is_usable_gain);
  if (usable.empty()) return;
  const float middle = median(usable);
  if (middle >= least_usual_gain && middle <= most_usual_gain) return;
  add_note(made, "gain_far_from_1",
           fmt::format("the gain reference multiplies charges by {:.3g} (its median), where gains are factors near 1: is it a "
                       "gain? Thresholds in ADU are those of charges after it",
                       middle));
}

void note_blinking(calibration& made) {
  if (made.dark16.empty() || made.dark_frames > 1) return;
  add_note(made, "blinking_unknown",
           "the dark reference is a single image, which does not show which pixels blink: the threshold takes what they do for "
           "electrons",
           {{advice_kind::dark_frames}});
}

void note_absent_darks(calibration& made) {
  if (!made.dark16.empty()) return;
  add_note(made, "no_dark_reference",
           fmt::format("without a dark reference the frames do not show which charges are noise: the background threshold is "
                       "{} sigma of the noise peak, and how many events are false is not known",
                       usual_background_sigmas),
           {{advice_kind::dark_reference}});
}

void note_threshold(calibration& made) {
  if (!made.fit || !(made.fit->sigma_adu > 0)) return;
  const noise_fit& fit = *made.fit;
  const double sigmas = sigmas_of(made);
  // The threshold is the lower end of a step of 1/16 ADU.
  if (sigmas + 1 / (charge_units_per_adu * fit.sigma_adu) >= least_sigmas) return;
  const double share = 0.5 * std::erfc(sigmas / std::sqrt(2.0));
  add_note(made, "threshold_in_noise",
           fmt::format("the background threshold of {:.4g} ADU is only {:.2g} sigma above the noise peak ({:.2f} ADU around "
                       "{:.2f} ADU), so that noise alone passes it in {:.2g} % of the pixels; {} sigma are {:.1f} ADU",
                       in_adu(made.background16), sigmas, fit.sigma_adu, fit.mean_adu, 100 * share, advised_sigmas,
                       fit.mean_adu + advised_sigmas * fit.sigma_adu),
           {{advice_kind::background_sigmas, fmt::format("{}", advised_sigmas)}});
}

void note_noise(calibration& made) {
  if (!made.fit || !(made.fit->sigma_adu > 0) || made.dark_sigma_adu.empty() || made.dark_frames < 2) return;
  const expected_noise expected = noise_from_darks(made);
  const double found = made.fit->sigma_adu;
  if (!(expected.mean_adu >= least_compared_adu)) return;
  if (found > noise_tolerance * expected.mean_adu) {
    add_note(made, "noise_above_darks",
             fmt::format("{}the noise of the frames is {:.2f} ADU after the dark frames were subtracted, their own noise gives "
                         "{:.2f} ADU: they are of another detector, or were taken with other settings or at another time",
                         name_of_darks(made), found, expected.mean_adu),
             {{advice_kind::dark_reference}});
  } else if (made.dark_frames >= fewest_compared_darks && noise_tolerance * found < expected.median_adu) {
    add_note(made, "noise_of_darks",
             fmt::format("{}the noise of the dark frames gives {:.2f} ADU where the frames have {:.2f} ADU: they hold "
                         "electrons, or were taken with other settings",
                         name_of_darks(made), expected.median_adu, found),
             {{advice_kind::dark_reference}});
  }
}

void note_frames(calibration& made, const sampled_frames& frames) {
  const source_info& info = frames.source.info();
  const std::size_t sampled = frames.numbers.size();
  const saturation full = find_saturation(frames.source, frames.numbers, made, frames.threads);
  if (full.pixels != 0) {
    made.notes.push_back(
        {"saturated_pixels",
         fmt::format(
             "{} pixels in {} of the {} sampled frames hold {:.6g}, the largest value (frame {}, {} is one): whatever is "
             "beyond it is cut off; lower the dose per frame where electrons do this, and leave broken pixels out",
             with_separators(full.pixels), full.frames, sampled, full.value, full.frame, place_of(full.pixel, info.shape)),
         full.pixels,
         {{advice_kind::mask}}});
  }
  if (made.fit && info.type == pixel_type::f32 && made.fit->sample_max_adu - made.fit->sample_min_adu < 1) {
    add_note(
        made, "values_below_unit",
        fmt::format("the charges of the sampled frames lie between {:.3g} and {:.3g} ADU: little is left of them in the 1/16 "
                    "ADU that charges are counted in",
                    made.fit->sample_min_adu, made.fit->sample_max_adu),
        {{advice_kind::scale}});
  }
  const auto least = static_cast<std::uint64_t>(most_of_a_frame * static_cast<double>(info.shape.pixels()));
  if (made.score16) return;  // method peaks has no components
  const std::vector<std::uint64_t> largest = largest_components(frames.source, frames.numbers, made, least, frames.threads);
  const auto most = std::max_element(largest.begin(), largest.end());
  const auto many = std::count_if(largest.begin(), largest.end(), [&](std::uint64_t pixels) { return pixels > least; });
  if (many == 0) return;
  add_note(
      made, "large_component",
      fmt::format("in {} of the {} sampled frames one component of hits covers more than a tenth of the frame, up to {:.0f} % "
                  "(frame {}): method cluster makes one event of it; the threshold is too low, the darks do not fit, or the "
                  "frames hold no single electrons",
                  many, sampled, 100.0 * static_cast<double>(*most) / static_cast<double>(info.shape.pixels()),
                  frames.numbers[static_cast<std::size_t>(most - largest.begin())]),
      {{advice_kind::background_sigmas, fmt::format("{}", advised_sigmas)}});
}

}  // namespace engine

void check_loaded(calibration& loaded, const frame_source& frames, bool accept_masked) {
  apply_source_mask(loaded, frames);
  // Other thresholds than those that the notes are about.
  if (loaded.fit && loaded.fit->sigma_adu > 0) {
    noise_fit& fit = *loaded.fit;
    const double now = engine::sigmas_of(loaded);
    if (std::abs(now - fit.background_sigmas) * fit.sigma_adu > 1.0 / charge_units_per_adu) {
      std::erase_if(loaded.notes, [](const source_issue& note) { return note.kind == "threshold_in_noise"; });
      fit.background_sigmas = now;
      fit.expected.reset();
      if (!loaded.score16) engine::note_threshold(loaded);
    }
  }
  if (accept_masked || loaded.mask.empty() || !engine::masks_much(loaded)) return;
  const std::vector<std::uint64_t> drawn = engine::draw_frames(frames, 40, 0, 0);
  sector_split split = sector_split::none;
  const std::uint8_t present = engine::sectors_of(frames, drawn, split);
  engine::refuse_masked(loaded, engine::share_of(loaded, present, split),
                        "were they of this detector, and complete, when the calibration was made?");
}

}  // namespace countem
