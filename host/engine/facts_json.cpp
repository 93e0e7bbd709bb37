#include "host/engine/facts_json.hpp"

namespace countem::engine {

using json = nlohmann::ordered_json;

json thresholds_json(const calibration& used) {
  return {{"background_adu", used.pixel_background16.empty() ? json(used.background16 / 16.0) : json("per pixel")},
          {"xray_adu", used.xray16 == no_xray_threshold ? json(nullptr) : json(used.xray16 / 16.0)},
          {"score_adu", used.score16 ? json(static_cast<double>(*used.score16) / 16.0) : json(nullptr)},
          {"background_sigmas", used.fit && used.fit->sigma_adu > 0 ? json(used.fit->background_sigmas) : json(nullptr)}};
}

std::string text_of(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace countem::engine
