#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <countem/choices.hpp>

namespace countem {

/// How an integrated phase continues beyond the edges of the scan.
enum class scan_edges : std::uint8_t {
  even,      ///< nothing is assumed: as if mirrored at its edges
  periodic,  ///< the scan repeats
};

/// Words and help of scan_edges.
template <>
struct choice_table<scan_edges> {
  static constexpr std::string_view what = "kind of edges";  ///< in a sentence
  /// In the order of the enumerators.
  static constexpr std::array<choice<scan_edges>, 2> entries{
      {{scan_edges::even, "even", "nothing is assumed about what lies beyond"},
       {scan_edges::periodic, "periodic", "the scan repeats: opposite edges are neighbours"}}};
};

/// How detector axes lie to scan axes: a deflection (row, column) in detector pixels becomes, in scan axes,
/// row' = cos(a) f row + sin(a) column, column' = -sin(a) f row + cos(a) column, with f = -1 where the detector is flipped,
/// else
/// 1. With rows downwards a positive angle turns clockwise.
struct scan_rotation {
  double degrees = 0;  ///< the angle a
  bool flip = false;   ///< rows of the detector are reversed before the rotation
  friend bool operator==(const scan_rotation&, const scan_rotation&) = default;
};

/// Lengths that turn "detector pixels times scan steps" into radians. 0: not known.
struct phase_scale {
  double pixel_mrad = 0;    ///< angle of a detector pixel, needs `voltage_kv`
  double pixel_per_nm = 0;  ///< or its reciprocal length, 1/nm, in cycles
  double voltage_kv = 0;    ///< acceleration voltage
  double step_nm = 0;       ///< between scan positions
  friend bool operator==(const phase_scale&, const phase_scale&) = default;

  /// Whether any of them was given.
  [[nodiscard]] bool is_given() const;
  /// Radians of phase per detector pixel times scan step: 2 pi q step, q being the pixel's reciprocal length.
  /// @throws invalid_argument when some are given and others, which they need, are not; or when a number is not above 0.
  [[nodiscard]] double radians() const;
};

/// Relativistic wavelength of electrons in nm. @param voltage_kv acceleration voltage in kV, above 0
[[nodiscard]] double electron_wavelength_nm(double voltage_kv);

/// What is done with centres of mass between their counting and the phase.
struct deflection_options {
  std::optional<double> rotation_degrees;  ///< the angle of a scan_rotation; unset: 0, or found
  bool find_rotation = false;              ///< find the angle, and the flip unless it is set
  std::optional<bool> flip;                ///< whether the detector is flipped; unset: no, or found
  std::string descan_from;                 ///< positions "R0:R1,C0:C1" from which the descan plane is fitted; empty: all
  scan_edges edges = scan_edges::even;     ///< of the phase
  double high_pass = 0;                    ///< cycles over the scan's longer side that are halved in the phase; 0: none
  phase_scale scale;                       ///< of the phase
  friend bool operator==(const deflection_options&, const deflection_options&) = default;
};

}  // namespace countem
