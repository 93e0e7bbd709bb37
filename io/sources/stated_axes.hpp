#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <countem/store_geometry.hpp>

#include "io/sources/source_issues.hpp"

// What files state about their axes, in whatever unit, as lengths of a store.
namespace countem::io {

/// An axis as a file states it: index i lies at offset + i * step.
struct stated_axis {
  double offset = 0;
  double step = 0;
  std::string units;  ///< as they are written; empty or pixels: the axis has none
};

/// Those of a scan's frames that are stated.
struct stated_axes {
  std::optional<stated_axis> scan_row{};
  std::optional<stated_axis> scan_column{};
  std::optional<stated_axis> row{};
  std::optional<stated_axis> column{};
  double beam_kv = 0;  ///< acceleration voltage; 0: not stated
};

/// How many times a length fits into another; empty where the units of one are none of length.
[[nodiscard]] std::optional<double> ratio_of_lengths(const stated_axis& one, const stated_axis& other);

/// The lengths that follow. Units are those of length, of angle and of reciprocal length, which become angles where the beam's
/// energy is stated. Steps that are no numbers above 0, and steps of a plane that differ, are of no use. What is taken over,
/// and what is not, become issues that name `file`.
[[nodiscard]] axis_lengths lengths_of(const stated_axes& stated, const std::filesystem::path& file, issue_list& issues);

}  // namespace countem::io
