#include "host/cli/comparison_words.hpp"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <iterator>

#include "host/cli/progress.hpp"

namespace countem::cli {

namespace {

using json = nlohmann::ordered_json;

/// A number, or null where there is none.
json number(double value) {
  return std::isfinite(value) ? json(value) : json(nullptr);
}

json extreme(const comparison::extreme& of, bool any) {
  return any ? json{{"frame", of.frame}, {"value", of.value}} : json(nullptr);
}

/// What is reported at every frequency.
struct quantity {
  const char* name;
  std::function<double(const counting_spectrum&, const spectrum_point&)> of;
};

const quantity quantities[] = {
    {"dqe", [](const counting_spectrum&, const spectrum_point& at) { return at.efficiency; }},
    {"dqe_error", [](const counting_spectrum&, const spectrum_point& at) { return at.efficiency_error; }},
    {"mtf", [](const counting_spectrum& all, const spectrum_point& at) { return all.modulation(at); }},
    {"nps", [](const counting_spectrum&, const spectrum_point& at) { return at.noise_power; }},
    {"noise", [](const counting_spectrum&, const spectrum_point& at) { return at.noise; }},
};

}  // namespace

json to_json(const comparison& sum) {
  return {{"frames", sum.frames},
          {"missing_frames", sum.missing_frames},
          {"electrons", sum.electrons},
          {"undetectable_electrons", sum.undetectable},
          {"events", sum.events},
          {"matched", sum.matched},
          {"recall", number(sum.recall())},
          {"recall_limit", number(sum.recall_limit())},
          {"precision", number(sum.precision())},
          {"count_ratio", number(sum.count_ratio())},
          {"rms_error_px",
           {{"row", number(sum.rms_row())}, {"column", number(sum.rms_column())}, {"radial", number(sum.rms_radial())}}},
          {"mean_error_px", {{"row", number(sum.mean_row())}, {"column", number(sum.mean_column())}}},
          {"worst_recall", extreme(sum.worst_recall, sum.electrons > 0)},
          {"worst_precision", extreme(sum.worst_precision, sum.events > 0)},
          {"fewest_events_per_electron", extreme(sum.fewest_events, sum.electrons > 0)},
          {"most_events_per_electron", extreme(sum.most_events, sum.electrons > 0)}};
}

json to_json(const std::optional<counting_spectrum>& found) {
  json object{{"spectrum_frames", found ? found->frames : 0},
              {"gain", found ? number(found->gain()) : json(nullptr)},
              {"fano_factor", found ? number(found->fano_factor()) : json(nullptr)}};
  json curves = nullptr;
  if (found) {
    for (const spectrum_point& at : found->points) curves["frequency"].push_back(at.frequency);
  }
  for (const quantity& each : quantities) {
    object[each.name] = nullptr;
    if (!found) continue;
    const auto at = [&](const spectrum_point& point) { return number(each.of(*found, point)); };
    object[each.name] = {{"zero", at(found->zero())}, {"half", at(found->half())}, {"full", at(found->full())}};
    for (const spectrum_point& point : found->points) curves[each.name].push_back(at(point));
  }
  object["spectrum"] = curves;
  return object;
}

std::string text_of(const comparison& sum, double radius_px) {
  std::string text;
  const auto add = std::back_inserter(text);
  fmt::format_to(add, "frames: {}", with_separators(sum.frames));
  if (sum.missing_frames > 0) fmt::format_to(add, " ({} more never arrived)", with_separators(sum.missing_frames));
  fmt::format_to(add, "\nelectrons: {}, of which {} left too little charge to be found\n", with_separators(sum.electrons),
                 with_separators(sum.undetectable));
  fmt::format_to(add, "events: {}, of which {} lie within {} pixels of an electron\n", with_separators(sum.events),
                 with_separators(sum.matched), radius_px);
  fmt::format_to(add, "recall: {:.4f} (at best {:.4f})\nprecision: {:.4f}\nevents per electron: {:.4f}\n", sum.recall(),
                 sum.recall_limit(), sum.precision(), sum.count_ratio());
  fmt::format_to(add, "rms position error: {:.3f} pixels in row, {:.3f} in column, {:.3f} in the plane\n", sum.rms_row(),
                 sum.rms_column(), sum.rms_radial());
  if (sum.electrons > 0) {
    fmt::format_to(add, "worst recall: {:.4f} in frame {}\n", sum.worst_recall.value, sum.worst_recall.frame);
    fmt::format_to(add, "events per electron: {:.4f} in frame {} to {:.4f} in frame {}\n", sum.fewest_events.value,
                   sum.fewest_events.frame, sum.most_events.value, sum.most_events.frame);
  }
  if (sum.events > 0)
    fmt::format_to(add, "worst precision: {:.4f} in frame {}\n", sum.worst_precision.value, sum.worst_precision.frame);
  return text;
}

std::string text_of(const counting_spectrum& found, bool of_electrons) {
  std::string text;
  const auto add = std::back_inserter(text);
  fmt::format_to(add, "at 0, half and full Nyquist frequency ({} frames):\n", with_separators(found.frames));
  const auto line = [&](const char* name, const auto& of) {
    fmt::format_to(add, "  {}: {:.3f}, {:.3f}, {:.3f}\n", name, of(found.zero()), of(found.half()), of(found.full()));
  };
  line(of_electrons ? "DQE" : "squared coherence of the two counts", [](const spectrum_point& at) { return at.efficiency; });
  line("  standard error", [](const spectrum_point& at) { return at.efficiency_error; });
  line("MTF", [&](const spectrum_point& at) { return found.modulation(at); });
  line("NPS per event", [](const spectrum_point& at) { return at.noise_power; });
  fmt::format_to(add, "gain: {:.4f} events per {}\nFano factor: {:.4f}\n", found.gain(),
                 of_electrons ? "electron" : "event of the other count", found.fano_factor());
  return text;
}

}  // namespace countem::cli
