#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <countem/dose.hpp>
#include <countem/pipeline.hpp>
#include <countem/ranks.hpp>
#include <countem/reduction_plan.hpp>

#include "host/cli/context.hpp"
#include "host/cli/deflection_arguments.hpp"
#include "host/cli/folding_arguments.hpp"
#include "host/cli/image_files.hpp"
#include "host/cli/source_arguments.hpp"

namespace countem::cli {

/// What the options of countem reduce ask for.
struct reduce_arguments {
  std::filesystem::path input;
  std::filesystem::path output;
  folding_arguments fold;
  image_folders folders;
  std::vector<std::string> detectors;
  std::vector<std::filesystem::path> masks;
  std::vector<std::filesystem::path> weights;
  std::vector<std::filesystem::path> excluded;
  bool errors = false;
  std::string centre = "auto";
  std::string scan_window;
  std::string detector_window;
  std::uint32_t bin = 1;
  std::uint32_t scan_bin = 1;
  bool sum = false;
  bool maximum = false;
  deflection_arguments deflections;
  bool radial = false;
  bool radial_profile = false;
  std::string radial_step = "1";
  incomplete_frames incomplete = incomplete_frames::keep;
  bool skip_incomplete = false;
  bool coincidence = false;
  bool keep_remainder = false;
  dose_conditions recorded;
  backend where = backend::automatic;
  unsigned threads = 0;
  bool no_mpi = false;

  [[nodiscard]] bool makes_store() const { return bin != 1 || scan_bin != 1 || !detector_window.empty(); }
  /// The flags as items of a plan, in the order in which results are numbered.
  [[nodiscard]] std::vector<std::string> items() const {
    std::vector<std::string> list;
    const auto add = [&](bool wanted, const char* item) {
      if (wanted) list.emplace_back(item);
    };
    add(sum, "sum");
    add(maximum, "max");
    std::ranges::move(deflections.items(), std::back_inserter(list));
    if (radial) list.push_back("radial:" + radial_step);
    if (radial_profile) list.push_back("radial-profile:" + radial_step);
    for (const std::string& detector : detectors) list.push_back("virtual:" + detector);
    for (const std::filesystem::path& mask : masks) list.push_back("mask:" + mask.string());
    for (const std::filesystem::path& map : weights) list.push_back("weights:" + map.string());
    for (const std::filesystem::path& mask : excluded) list.push_back("exclude:" + mask.string());
    add(errors, "errors");
    list.push_back("incomplete:" + std::string(word_of(skip_incomplete ? incomplete_frames::skip : incomplete)));
    return list;
  }
};

/// Runs countem reduce. On all ranks: they share the frames of reductions; rank 0 does the rest.
void run_reduction(const reduce_arguments& wanted, context& ctx, ranks& all);

}  // namespace countem::cli
