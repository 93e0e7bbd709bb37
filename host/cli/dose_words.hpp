#pragma once

#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <countem/dose.hpp>
#include <countem/event_store.hpp>
#include <countem/saved_image.hpp>

namespace countem::cli {

/// --dwell and --efficiency.
void add_dose_options(CLI::App& command, dose_conditions& known);

/// Mean over recorded frames: a frame of a store whose positions were merged holds several.
/// @param events of `frames` frames of the store that arrived
[[nodiscard]] electron_dose dose_of_store(double events, std::uint64_t frames, const store_description& store,
                                          const dose_conditions& known);

/// "dose 12.3 electrons per square angstrom, current 4.5 pA, 6.7 +- 0.1 electrons per frame"
[[nodiscard]] std::string dose_words(const electron_dose& dose, const dose_conditions& known);

/// As JSON; what is not known is null.
[[nodiscard]] nlohmann::ordered_json dose_json(const electron_dose& dose, const dose_conditions& known);

/// As attributes of an image; what is not known is left out.
[[nodiscard]] std::vector<image_attribute> dose_attributes(const electron_dose& dose, const dose_conditions& known);

}  // namespace countem::cli
