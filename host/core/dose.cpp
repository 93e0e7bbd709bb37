#include <countem/dose.hpp>

#include <cmath>
#include <string>

#include <countem/error.hpp>

namespace countem {

namespace {

/// Of an electron, in picoampere microseconds: exact since 2019.
constexpr double charge_pa_us = 0.1602176634;
constexpr double square_angstroms_per_square_nm = 100;

void check(double value, const char* what) {
  if (!(value >= 0) || !std::isfinite(value))
    throw invalid_argument(std::string(what) + " is a number above 0, " + std::to_string(value) + " was given");
}

}  // namespace

electron_dose dose_of(double events, std::uint64_t frames, std::uint32_t frames_per_position, const dose_conditions& known) {
  check(known.efficiency, "a counting efficiency");
  check(known.dwell_us, "a dwell time");
  check(known.step_nm, "a scan step");
  electron_dose dose;
  if (frames != 0) {
    const double per_event = 1 / ((known.efficiency > 0 ? known.efficiency : 1) * static_cast<double>(frames));
    dose.electrons_per_frame = events * per_event;
    dose.electrons_per_frame_error = std::sqrt(events) * per_event;
  }
  if (known.dwell_us > 0) dose.current_pa = dose.electrons_per_frame * charge_pa_us / known.dwell_us;
  if (known.step_nm > 0) {
    dose.per_square_angstrom =
        dose.electrons_per_frame * frames_per_position / (known.step_nm * known.step_nm * square_angstroms_per_square_nm);
  }
  return dose;
}

}  // namespace countem
