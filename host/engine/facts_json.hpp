#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include <countem/calibration.hpp>

// Facts that stand in the provenance of a store and in the summary of a count, in the same words.
namespace countem::engine {

[[nodiscard]] nlohmann::ordered_json thresholds_json(const calibration& used);

/// JSON as one line. File names are any bytes, JSON is UTF-8.
[[nodiscard]] std::string text_of(const nlohmann::ordered_json& object);

}  // namespace countem::engine
