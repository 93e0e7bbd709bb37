#include "host/cli/dose_words.hpp"

#include <fmt/core.h>

#include <cmath>

namespace countem::cli {

namespace {

nlohmann::ordered_json if_known(double value) {
  return value > 0 ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json if_known(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

}  // namespace

void add_dose_options(CLI::App& command, dose_conditions& known) {
  command.add_option("--dwell", known.dwell_us, "Time of the beam per frame in microseconds, for its current")
      ->check(CLI::Range(1e-9, 1e12))
      ->group("Images");
  command
      .add_option("--efficiency", known.efficiency,
                  "Events per electron, for dose and current; without it every electron counts as found. With --coincidence: "
                  "where electrons "
                  "are so few that none coincide")
      ->check(CLI::Range(1e-3, 10.0));
}

electron_dose dose_of_store(double events, std::uint64_t frames, const store_description& store, const dose_conditions& known) {
  const auto merged = static_cast<std::uint64_t>(std::lround(store.geometry.scan_row.step * store.geometry.scan_column.step));
  return dose_of(events, frames * merged, store.scan.frames_per_position, known);
}

std::string dose_words(const electron_dose& dose, const dose_conditions& known) {
  std::string words;
  if (dose.per_square_angstrom) words += fmt::format("dose {:.4g} electrons per square angstrom, ", *dose.per_square_angstrom);
  if (dose.current_pa) words += fmt::format("current {:.4g} pA, ", *dose.current_pa);
  words += fmt::format("{:.5g} +- {:.2g} electrons per frame", dose.electrons_per_frame, dose.electrons_per_frame_error);
  return known.efficiency > 0 ? words + fmt::format(" at {:.3g} events per electron", known.efficiency)
                              : words + " if every electron was found (--efficiency)";
}

nlohmann::ordered_json dose_json(const electron_dose& dose, const dose_conditions& known) {
  return {{"electrons_per_frame", dose.electrons_per_frame},
          {"electrons_per_frame_error", dose.electrons_per_frame_error},
          {"current_pa", if_known(dose.current_pa)},
          {"electrons_per_square_angstrom", if_known(dose.per_square_angstrom)},
          {"efficiency", if_known(known.efficiency)},
          {"dwell_us", if_known(known.dwell_us)},
          {"step_nm", if_known(known.step_nm)}};
}

std::vector<image_attribute> dose_attributes(const electron_dose& dose, const dose_conditions& known) {
  std::vector<image_attribute> attributes{{"electrons_per_frame", dose.electrons_per_frame},
                                          {"electrons_per_frame_error", dose.electrons_per_frame_error}};
  const auto add = [&](const char* name, double value) {
    if (value > 0) attributes.push_back({name, value});
  };
  add("current_pa", dose.current_pa.value_or(0));
  add("electrons_per_square_angstrom", dose.per_square_angstrom.value_or(0));
  add("efficiency", known.efficiency);
  add("dwell_us", known.dwell_us);
  add("step_nm", known.step_nm);
  return attributes;
}

}  // namespace countem::cli
