#include <countem/counted_scan.hpp>

#include <nlohmann/json.hpp>

#include "host/engine/facts_json.hpp"

namespace countem {

std::string to_json(const counted_scan& counted) {
  const source_info& info = counted.source;
  const count_result& result = counted.result;
  nlohmann::ordered_json object{
      {"output", counted.output.string()},
      {"bytes", std::filesystem::file_size(counted.output)},
      {"backend", to_string(result.used)},
      {"backend_reason", counted.chosen.reason},
      {"input_format", to_string(info.format)},
      {"method", word_of(counted.setup.options.method)},
      {"scan",
       {{"width", info.scan.width}, {"height", info.scan.height}, {"frames_per_position", info.scan.frames_per_position}}},
      {"frame", {{"height", info.shape.height}, {"width", info.shape.width}}},
      {"resumed_after_frames", counted.resumed_after_frames},
      {"frames", result.frames},
      {"device_frames", result.device_frames},
      {"missing_frames", result.missing_frames},
      {"incomplete_frames", result.incomplete_frames},
      {"events", result.events},
      {"xrays", result.xrays},
      {"thresholds", engine::thresholds_json(counted.setup.calibrated)},
      {"seconds", result.seconds},
      {"frames_per_s", result.frames_per_s()},
      {"gigabytes_per_s", counted.gigabytes_per_s()},
      {"issues", nlohmann::ordered_json::parse(
                     issues_text(result.issues, issues_text(counted.setup.calibrated.notes, issues_text(info.issues))))},
      {"pictures", nlohmann::ordered_json::array()}};
  for (const std::filesystem::path& path : counted.pictures) object["pictures"].push_back(path.string());
  return engine::text_of(object);
}

}  // namespace countem
