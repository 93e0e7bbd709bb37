#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <countem/phase_options.hpp>

namespace countem::cli {

/// The options that turn centres of mass into scan axes.
struct rotation_arguments {
  std::string scan_rotation;
  bool flip = false;
  bool no_flip = false;

  void add_to(CLI::App& command);
  /// As items of a plan.
  [[nodiscard]] std::vector<std::string> items() const;
};

/// The options of `reduce` for centres of mass and their phase.
struct deflection_arguments {
  bool centre_of_mass = false;
  bool from_centre = false;
  bool without_descan = false;
  std::string descan_from;
  std::string within;
  bool second_moments = false;
  rotation_arguments rotation;
  bool phase = false;
  scan_edges edges = scan_edges::even;
  std::string high_pass;
  std::string pixel_mrad;
  std::string pixel_per_nm;
  std::string voltage_kv;
  std::string step_nm;

  void add_to(CLI::App& command);
  /// As items of a plan.
  [[nodiscard]] std::vector<std::string> items() const;
};

}  // namespace countem::cli
