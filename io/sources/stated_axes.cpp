#include "io/sources/stated_axes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include <countem/phase_options.hpp>

namespace countem::io {

namespace {

enum class unit_kind { none, length, angle, reciprocal, unknown };

struct known_unit {
  unit_kind kind = unit_kind::unknown;
  double factor = 1;  ///< nm, mrad or 1/nm of one
};

struct named_factor {
  std::string_view name;
  double factor;
};

/// Without what programs write around letters ("[n_m]", "$A^{-1}$"), the letters that are not ASCII by one that is.
std::string plain_unit(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 7> letters{{{"\xc2\xb5", 'u'},
                                                                      {"\xce\xbc", 'u'},
                                                                      {"\xc3\x85", 'A'},
                                                                      {"\xe2\x84\xab", 'A'},
                                                                      {"\xb5", 'u'},
                                                                      {"\xc5", 'A'},
                                                                      {"\xe2\x81\xbb\xc2\xb9", '!'}}};
  std::string plain;
  while (!text.empty()) {
    const auto found = std::ranges::find_if(letters, [&](const auto& letter) { return text.starts_with(letter.first); });
    const std::size_t length = found == letters.end() ? 1 : found->first.size();
    if (found != letters.end() && found->second == '!') {
      plain += "^-1";
    } else if (found != letters.end()) {
      plain += found->second;
    } else if (std::string_view(" \t[]{}()$_").find(text[0]) == std::string_view::npos) {
      plain += text[0];
    }
    text.remove_prefix(length);
  }
  return plain;
}

const named_factor* find_factor(const std::string& name, const auto& units) {
  const auto found = std::ranges::find_if(units, [&](const named_factor& unit) { return unit.name == name; });
  return found == std::end(units) ? nullptr : &*found;
}

known_unit unit_of(std::string_view text) {
  static constexpr std::array<std::string_view, 9> nones{"",     "px",        "pix", "pixel", "pixels", "<undefined>",
                                                         "None", "positions", "1"};
  static constexpr std::array<named_factor, 24> lengths{
      {{"fm", 1e-6},       {"pm", 1e-3},    {"A", 0.1},       {"Angstrom", 0.1},   {"angstrom", 0.1},    {"Angstroms", 0.1},
       {"angstroms", 0.1}, {"Ang", 0.1},    {"nm", 1},        {"nanometer", 1},    {"nanometers", 1},    {"nanometre", 1},
       {"um", 1e3},        {"micron", 1e3}, {"microns", 1e3}, {"micrometer", 1e3}, {"micrometers", 1e3}, {"micrometre", 1e3},
       {"mm", 1e6},        {"cm", 1e7},     {"m", 1e9},       {"meter", 1e9},      {"meters", 1e9},      {"metre", 1e9}}};
  static constexpr std::array<named_factor, 10> angles{{{"urad", 1e-3},
                                                        {"mrad", 1},
                                                        {"mrads", 1},
                                                        {"milliradian", 1},
                                                        {"milliradians", 1},
                                                        {"rad", 1e3},
                                                        {"radian", 1e3},
                                                        {"radians", 1e3},
                                                        {"deg", 1e3 * std::numbers::pi / 180},
                                                        {"degrees", 1e3 * std::numbers::pi / 180}}};
  const std::string plain = plain_unit(text);
  if (std::ranges::find(nones, plain) != nones.end()) return {unit_kind::none, 1};
  if (const named_factor* unit = find_factor(plain, lengths)) return {unit_kind::length, unit->factor};
  if (const named_factor* unit = find_factor(plain, angles)) return {unit_kind::angle, unit->factor};
  std::string inverse;
  if (plain.starts_with("1/")) inverse = plain.substr(2);
  if (plain.ends_with("^-1")) inverse = plain.substr(0, plain.size() - 3);
  if (inverse.empty() && plain.ends_with("-1")) inverse = plain.substr(0, plain.size() - 2);
  if (const named_factor* unit = find_factor(inverse, lengths)) return {unit_kind::reciprocal, 1 / unit->factor};
  return {};
}

/// Two axes, of the scan or of the detector, in one unit.
struct plane {
  double step = 0;  ///< in units of a store; 0: of no use
  plane_origin origin{};
  std::string taken;    ///< in words
  std::string refused;  ///< why not, in words
};

struct plane_words {
  std::string_view of;     ///< "a pixel of the detector"
  std::string_view units;  ///< of the store
};

std::string words_of(const stated_axis& axis) {
  return fmt::format("{:.6g} {}", axis.step, axis.units);
}

/// The factor to a store's unit, or why there is none. `angles`: of a detector.
std::pair<double, std::string> factor_of(const known_unit& unit, bool angles, double beam_kv) {
  if (unit.kind == unit_kind::unknown) return {0, "of which the unit is not known"};
  if (!angles) {
    if (unit.kind == unit_kind::length) return {unit.factor, {}};
    return {0, "which is no length"};
  }
  if (unit.kind == unit_kind::angle) return {unit.factor, {}};
  if (unit.kind == unit_kind::length) return {0, "which is a length and no angle"};
  if (!(beam_kv >= 1 && beam_kv <= 1e4))  // or none that an instrument has
    return {0, "a reciprocal length, which needs the energy of the beam to be an angle, and the file does not state it"};
  return {unit.factor * electron_wavelength_nm(beam_kv) * 1e3, {}};
}

plane plane_of(const std::optional<stated_axis>& row, const std::optional<stated_axis>& column, bool angles, double beam_kv) {
  plane found;
  const plane_words words = angles ? plane_words{"a pixel of the detector", "mrad"} : plane_words{"a step of the scan", "nm"};
  const auto has_units = [](const std::optional<stated_axis>& axis) {
    return axis && unit_of(axis->units).kind != unit_kind::none;
  };
  if (!has_units(row) && !has_units(column)) return found;
  const std::optional<stated_axis>& any = has_units(row) ? row : column;
  const std::pair<double, std::string> converted = factor_of(unit_of(any->units), angles, beam_kv);
  const double factor = converted.first;
  const std::string& why_not = converted.second;
  const auto is_usable = [&](const std::optional<stated_axis>& axis) {
    return !axis || (std::isfinite(axis->step * factor) && axis->step > 0 && std::isfinite(axis->offset * factor));
  };
  if (!why_not.empty()) {
    found.refused = fmt::format("{} is stated as {}, {}", words.of, words_of(*any), why_not);
  } else if (!is_usable(row) || !is_usable(column)) {
    const stated_axis& bad = is_usable(row) ? *column : *row;
    found.refused =
        fmt::format("{} is stated as {} from {:.6g} on, which is no step above 0", words.of, words_of(bad), bad.offset);
  } else if (row && column && plain_unit(row->units) != plain_unit(column->units)) {
    found.refused =
        fmt::format("{} is stated as {} along rows and {} along columns", words.of, words_of(*column), words_of(*row));
  } else if (row && column && std::abs(row->step - column->step) > 1e-4 * row->step) {
    found.refused = fmt::format("{} is stated as {} along columns and {} along rows, and a store has one length for both",
                                words.of, words_of(*row), words_of(*column));
  } else {
    found.step = any->step * factor;
    found.origin = {row ? row->offset * factor : 0, column ? column->offset * factor : 0};
    found.taken = fmt::format("{} as {:.6g} {} ({})", words.of, found.step, words.units, words_of(*any));
  }
  return found;
}

plane scan_of(const stated_axes& stated) {
  plane found = plane_of(stated.scan_row, stated.scan_column, false, stated.beam_kv);
  const bool is_image = stated.column && unit_of(stated.column->units).kind == unit_kind::length;
  if (!is_image || stated.scan_row || found.taken.empty()) return found;
  plane depth;
  depth.refused = fmt::format("the axis of a stack of images is stated as {}, which may be a depth and no step of a scan",
                              words_of(*stated.scan_column));
  return depth;
}

}  // namespace

std::optional<double> ratio_of_lengths(const stated_axis& one, const stated_axis& other) {
  const known_unit unit = unit_of(one.units);
  const known_unit other_unit = unit_of(other.units);
  if (unit.kind != unit_kind::length || other_unit.kind != unit_kind::length) return std::nullopt;
  return one.step * unit.factor / (other.step * other_unit.factor);
}

axis_lengths lengths_of(const stated_axes& stated, const std::filesystem::path& file, issue_list& issues) {
  const plane detector = plane_of(stated.row, stated.column, true, stated.beam_kv);
  const plane scan = scan_of(stated);
  std::vector<std::string_view> taken;
  std::vector<std::string_view> refused;
  for (const plane* const found : {&detector, &scan}) {
    if (!found->taken.empty()) taken.push_back(found->taken);
    if (!found->refused.empty()) refused.push_back(found->refused);
  }
  if (!taken.empty()) {
    issues.add("axes_taken", file, [&] {
      return fmt::format("states {}: taken over where nothing else is given{}", fmt::join(taken, " and "),
                         scan.taken.empty() ? "" : ", the step for the scan that the file states and parts of it alone");
    });
  }
  if (!refused.empty()) {
    issues.add("axes_not_taken", file, [&] { return fmt::format("{}: not taken over", fmt::join(refused, "; ")); });
  }
  return {detector.step, scan.step, detector.origin, scan.origin};
}

}  // namespace countem::io
