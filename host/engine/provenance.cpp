#include <countem/provenance.hpp>

#include <nlohmann/json.hpp>

#include <countem/folded_store.hpp>
#include <countem/version.hpp>

#include "host/engine/facts_json.hpp"

namespace countem {

namespace {

std::string program() {
  return std::string("countem ") + version;
}

}  // namespace

store_description describe_count(const source_info& frames, const counting_setup& setup, backend used,
                                 const std::string& command_line) {
  store_description description;
  description.shape = event_grid(setup);
  description.scan = frames.scan;
  description.geometry = with_lengths(counted_geometry(frames.shape, setup.options.upsample, frames.split), frames.lengths);
  description.options = setup.options;
  description.calibrated = setup.calibrated;
  nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
  for (const input_file& file : frames.files) inputs.push_back({{"name", file.path.string()}, {"bytes", file.bytes}});
  description.provenance = {
      {"program", program()},
      {"command_line", command_line},
      {"backend", std::string(to_string(used))},
      {"input_format", std::string(to_string(frames.format))},
      {"inputs", engine::text_of(inputs)},
      {"issues", issues_text(setup.calibrated.notes, issues_text(frames.issues))},
      {"thresholds", engine::text_of(engine::thresholds_json(setup.calibrated))},
      {"seed", setup.calibrated.fit ? std::to_string(setup.calibrated.fit->seed) : "none: nothing was fitted"}};
  record_path(description, frames.path);
  return description;
}

std::vector<std::pair<std::string, std::string>> describe_reduction(const std::filesystem::path& store, backend used,
                                                                    const std::string& command_line) {
  return {{"program", program()},
          {"command_line", command_line},
          {"reduced_from", store.string()},
          {"backend", std::string(to_string(used))}};
}

}  // namespace countem
