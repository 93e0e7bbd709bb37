// The part of the grammar of plans that concerns centres of mass and their phase.
#include "host/engine/deflection_items.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include <countem/error.hpp>

namespace countem::engine {

namespace {

[[noreturn]] void refuse(std::string_view item, const std::string& why) {
  throw invalid_argument("reduction '" + std::string(item) + "' " + why);
}

double number_of(std::string_view whole, std::string_view text, const char* example) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(number))
    refuse(whole, std::string("lacks a number, as in ") + example);
  return number;
}

void take_edges(reduction_plan& plan, std::string_view whole, std::string_view rest) {
  plan.phase = true;
  if (rest.empty()) return;
  const std::optional<scan_edges> edges = find_choice<scan_edges>(rest);
  if (!edges) refuse(whole, "has unknown edges: they are " + listed_words<scan_edges>());
  plan.deflections.edges = *edges;
}

void take_rotation(deflection_options& options, std::string_view whole, std::string_view rest) {
  if (rest == "auto") {
    options.find_rotation = true;
  } else {
    options.rotation_degrees = number_of(whole, rest, "scan-rotation:-12.5, or auto");
  }
}

void take_flip(deflection_options& options, std::string_view whole, std::string_view rest) {
  if (!rest.empty() && rest != "no" && rest != "yes") refuse(whole, "is neither flip nor flip:no");
  options.flip = rest != "no";
}

}  // namespace

bool take_deflection_item(reduction_plan& plan, std::string_view whole, std::string_view name, std::string_view rest) {
  deflection_options& options = plan.deflections;
  struct length {
    std::string_view name;
    double* value;
    const char* example;
  };
  const std::array<length, 5> lengths{{{"phase-high-pass", &options.high_pass, "phase-high-pass:2"},
                                       {"pixel-mrad", &options.scale.pixel_mrad, "pixel-mrad:0.25"},
                                       {"pixel-per-nm", &options.scale.pixel_per_nm, "pixel-per-nm:0.1"},
                                       {"voltage", &options.scale.voltage_kv, "voltage:300"},
                                       {"scan-step", &options.scale.step_nm, "scan-step:0.05"}}};
  for (const length& one : lengths) {
    if (name != one.name) continue;
    *one.value = number_of(whole, rest, one.example);
    if (!(*one.value > 0)) refuse(whole, "needs a number above 0");
    return true;
  }
  if (name == "phase") {
    take_edges(plan, whole, rest);
  } else if (name == "scan-rotation") {
    take_rotation(options, whole, rest);
  } else if (name == "flip") {
    take_flip(options, whole, rest);
  } else if (name == "descan-from") {
    if (rest.empty()) refuse(whole, "lacks positions, as in descan-from:0:16,0:128");
    options.descan_from = rest;
  } else {
    return false;
  }
  return true;
}

void validate_deflections(const reduction_plan& plan) {
  const deflection_options& options = plan.deflections;
  if (plan.phase && !plan.centre_of_mass) throw invalid_argument("a phase is integrated from centres of mass: ask for com too");
  if (!plan.centre_of_mass && (options.rotation_degrees || options.find_rotation || options.flip))
    throw invalid_argument("a rotation or a flip turns centres of mass: ask for com too");
  if (options.rotation_degrees && options.find_rotation)
    throw invalid_argument("a scan rotation is either found or given as an angle, not both");
  if (!options.descan_from.empty() && plan.origin != deflection_origin::descan)
    throw invalid_argument(
        "positions for the descan are given, but centres of mass are not asked for relative to it: com:descan");
  phase_scale of_phase = options.scale;  // but for what other results have, too
  of_phase.step_nm = 0;
  of_phase.pixel_mrad = 0;
  if (!plan.phase && (options.high_pass != 0 || of_phase.is_given()))
    throw invalid_argument("a high-pass, a voltage or a reciprocal pixel size belong to a phase: ask for phase too");
  if (plan.phase && options.edges == scan_edges::periodic && plan.origin == deflection_origin::centre)
    throw invalid_argument(
        "a phase with periodic edges cannot hold the ramp of centres of mass relative to the centre: give even edges, or "
        "another "
        "origin");
  if (plan.phase && options.scale.is_given()) static_cast<void>(options.scale.radians());
}

}  // namespace countem::engine
