#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

#include <countem/event_store.hpp>
#include <countem/found_beam.hpp>
#include <countem/output.hpp>

namespace countem::cli {

/// "row 287.43 +- 0.05, column 290.10 +- 0.05, radius 30.12 +- 0.04, found in the summed pattern"
[[nodiscard]] std::string beam_words(const found_beam& beam);

/// As JSON; what is not known is null.
[[nodiscard]] nlohmann::ordered_json beam_json(const found_beam& beam);

/// The centre that an option's text stands for (parse_centre), for a scan of that description; empty: it is to be found in the
/// scan. @throws as parse_centre() and vacuum_beam() do.
[[nodiscard]] std::optional<found_beam> centre_from(const std::string& text, const store_description& scan, unsigned threads);

/// A vacuum scan that is named as the centre is an input: nothing is written over it.
void add_centre_file(output_rules& rules, const std::string& text);

/// A warning that the centre is a guess, which names the option that gives it.
[[nodiscard]] std::string guess_warning(const found_beam& beam, const std::string& option);

}  // namespace countem::cli
