#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

#include <countem/coincidence.hpp>

#include "host/cli/context.hpp"

namespace countem::cli {

/// Dead area, splitting and losses, as JSON. @param names of the detectors
[[nodiscard]] nlohmann::ordered_json coincidence_json(const coincidence_result& result,
                                                      std::span<const virtual_detector> detectors);

/// A line about the dead area; warnings where there is none, and where losses are too large.
void report_coincidence(const coincidence_result& result, std::span<const virtual_detector> detectors, context& ctx);

}  // namespace countem::cli
