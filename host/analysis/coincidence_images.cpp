#include <string>

#include <countem/coincidence.hpp>

namespace countem {

std::vector<saved_image> images_of(const coincidence_result& result, std::span<const virtual_detector> detectors,
                                   const scan_shape& scan, const image_axes& axes) {
  std::vector<saved_image> images;
  for (std::size_t d = 0; d < result.detectors.size(); ++d) {
    const corrected_counts& one = result.detectors[d];
    const bool is_frame = d >= detectors.size();
    images.push_back({is_frame ? "counts_corrected" : "virtual_" + std::to_string(d) + "_corrected",
                      {scan.height, scan.width},
                      one.counts,
                      "electrons",
                      (is_frame ? std::string("electrons at each scan position") : detectors[d].name) +
                          ", corrected for coincidence loss and false events; NaN where nothing arrived",
                      {{"dead_area", result.area.area},
                       {"dead_area_error", result.area.error},
                       {"split_electrons", result.area.split},
                       {"split_electrons_error", result.area.split_error},
                       {"local_rate", result.area.local_rate},
                       {"lost_share", one.loss},
                       {"false_events", one.false_events},
                       {"false_events_error", one.false_events_error},
                       {"positions_beyond", one.beyond}},
                      axes});
  }
  return images;
}

}  // namespace countem
