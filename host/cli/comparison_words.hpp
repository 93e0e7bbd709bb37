#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include <countem/compare.hpp>
#include <countem/detective_efficiency.hpp>

namespace countem::cli {

/// The figures of a comparison as keys of the JSON object; null where there is none.
[[nodiscard]] nlohmann::ordered_json to_json(const comparison& sum);
/// The spectrum's keys, which are there whether or not there is a spectrum.
[[nodiscard]] nlohmann::ordered_json to_json(const std::optional<counting_spectrum>& found);

/// Lines for people.
[[nodiscard]] std::string text_of(const comparison& sum, double radius_px);
/// Lines for people. `of_electrons`: whether the counts were compared with the electrons themselves.
[[nodiscard]] std::string text_of(const counting_spectrum& found, bool of_electrons);

}  // namespace countem::cli
