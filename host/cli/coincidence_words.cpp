#include "host/cli/coincidence_words.hpp"

#include <fmt/core.h>

namespace countem::cli {

namespace {

std::string name_at(std::size_t detector, std::span<const virtual_detector> detectors) {
  return detector < detectors.size() ? "'" + detectors[detector].name + "'" : "the whole frame";
}

}  // namespace

nlohmann::ordered_json coincidence_json(const coincidence_result& result, std::span<const virtual_detector> detectors) {
  const dead_area& area = result.area;
  nlohmann::ordered_json object{{"found", area.is_found},
                                {"dead_area", area.area},
                                {"dead_area_error", area.error},
                                {"split_electrons", area.split},
                                {"split_electrons_error", area.split_error},
                                {"local_rate", area.local_rate}};
  object["false_events_known"] = result.false_events_known;
  object["lost_shares"] = nlohmann::ordered_json::array();
  for (std::size_t d = 0; d < result.detectors.size(); ++d) {
    object["lost_shares"].push_back({{"detector", d < detectors.size() ? nlohmann::ordered_json(detectors[d].name) : nullptr},
                                     {"lost_share", result.detectors[d].loss},
                                     {"false_events", result.detectors[d].false_events},
                                     {"false_events_error", result.detectors[d].false_events_error},
                                     {"positions_beyond", result.detectors[d].beyond}});
  }
  return object;
}

void report_coincidence(const coincidence_result& result, std::span<const virtual_detector> detectors, context& ctx) {
  const dead_area& area = result.area;
  if (!area.is_found) {
    ctx.warn(
        fmt::format("no dead area is found ({:.1f} +- {:.1f} pixels from {} events): counts are not corrected for coincidence "
                    "loss",
                    area.area, area.error, area.events));
    return;
  }
  ctx.inform(
      "dead area: {:.2f} +- {:.2f} pixels; at the local rate of {:.2g} events per pixel and frame {:.1f} % of the electrons "
      "are lost",
      area.area, area.error, area.local_rate, 100 * result.detectors.back().loss);
  if (result.false_events_known) {
    const corrected_counts& frame = result.detectors.back();
    ctx.inform("false events: {:.4g} +- {:.2g} are expected and subtracted", frame.false_events, frame.false_events_error);
  } else {
    ctx.inform("false events are not known and not subtracted: the calibration has no dark reference");
  }
  for (std::size_t d = 0; d < result.detectors.size(); ++d) {
    const corrected_counts& one = result.detectors[d];
    if (one.beyond == 0) continue;
    ctx.warn(fmt::format(
        "at {} of {} positions of {} more than {:.0f} % of the electrons are lost to coincidences: corrected counts "
        "are too low there",
        one.beyond, one.counts.size(), name_at(d, detectors), 100 * most_correctable_loss));
  }
}

}  // namespace countem::cli
