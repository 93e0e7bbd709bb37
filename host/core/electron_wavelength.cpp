#include <cmath>

#include <countem/error.hpp>
#include <countem/phase_options.hpp>

namespace countem {

double electron_wavelength_nm(double voltage_kv) {
  if (!std::isfinite(voltage_kv) || !(voltage_kv > 0))
    throw invalid_argument("the acceleration voltage must be above 0 kV, not " + std::to_string(voltage_kv));
  constexpr double planck_light = 1.239841984;  // keV nm
  constexpr double rest_energy = 510.99895;     // keV
  return planck_light / std::sqrt(voltage_kv * (voltage_kv + 2 * rest_energy));
}

}  // namespace countem
