#include "host/cli/beam_words.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include <countem/centre.hpp>
#include <countem/detector_image.hpp>

namespace countem::cli {

namespace {

std::string with_error(double value, double error) {
  if (!std::isfinite(error)) return fmt::format("{:.2f}", value);
  return error < 0.01 ? fmt::format("{:.3f} +- {:.3f}", value, error) : fmt::format("{:.2f} +- {:.2f}", value, error);
}

nlohmann::ordered_json number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

std::string beam_words(const found_beam& beam) {
  std::string words = fmt::format("row {}, column {}", with_error(beam.centre.row, beam.centre_error.row),
                                  with_error(beam.centre.column, beam.centre_error.column));
  if (beam.found) words += ", radius " + with_error(beam.radius, beam.radius_error);
  return words + ", " + beam.how;
}

nlohmann::ordered_json beam_json(const found_beam& beam) {
  nlohmann::ordered_json candidates = nlohmann::ordered_json::array();
  for (const beam_candidate& disk : beam.candidates)
    candidates.push_back({{"row", disk.centre.row}, {"column", disk.centre.column}, {"electrons", disk.electrons}});
  return {{"row", beam.centre.row},
          {"column", beam.centre.column},
          {"row_error", number(beam.centre_error.row)},
          {"column_error", number(beam.centre_error.column)},
          {"radius", beam.found ? number(beam.radius) : nullptr},
          {"radius_error", number(beam.radius_error)},
          {"electrons", beam.found ? nlohmann::ordered_json(beam.electrons) : nullptr},
          {"found", beam.found},
          {"guess", beam.guess},
          {"how", beam.how},
          {"candidates", std::move(candidates)}};
}

std::optional<found_beam> centre_from(const std::string& text, const store_description& scan, unsigned threads) {
  const centre_choice chosen = parse_centre(text);
  if (chosen.point) return given_centre(*chosen.point);
  if (chosen.vacuum.empty()) return std::nullopt;
  return vacuum_beam(chosen.vacuum, scan.shape, scan.geometry, threads);
}

void add_centre_file(output_rules& rules, const std::string& text) {
  if (const centre_choice chosen = parse_centre(text); !chosen.vacuum.empty())
    std::ranges::move(files_of_image(chosen.vacuum), std::back_inserter(rules.inputs));
}

std::string guess_warning(const found_beam& beam, const std::string& option) {
  return fmt::format("the centre (row {:.1f}, column {:.1f}) is a guess, {}; give it with {} ROW,COLUMN", beam.centre.row,
                     beam.centre.column, beam.how, option);
}

}  // namespace countem::cli
