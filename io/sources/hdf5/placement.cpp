#include "io/sources/hdf5/placement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

/// The common length of all runs but the last; empty where none of these is there, or they differ.
std::optional<std::uint64_t> common_length(const std::vector<numbered_frames>& runs) {
  std::optional<std::uint64_t> length;
  for (auto run = runs.begin(); run + 1 < runs.end(); ++run) {
    if (!run->frames) continue;
    if (length && *length != *run->frames) return std::nullopt;
    length = run->frames;
  }
  return length;
}

/// Numbers from 1 to the last one that are not among the runs, or are not there.
std::uint64_t count_lacking(const std::vector<numbered_frames>& runs) {
  const std::uint64_t begin = runs.front().number == 0 ? 0 : 1;
  const std::uint64_t numbers = runs.back().number + 1 - begin;
  const auto there = std::count_if(runs.begin(), runs.end(), [](const numbered_frames& run) { return run.frames.has_value(); });
  return numbers - static_cast<std::uint64_t>(there);
}

/// Frames of the only run that lacks, where the scan's total shows them.
std::optional<std::uint64_t> remaining(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total) {
  if (!total || count_lacking(runs) != 1) return std::nullopt;
  std::uint64_t held = 0;
  for (const numbered_frames& run : runs) held += run.frames.value_or(0);
  return held < *total ? std::optional(*total - held) : std::nullopt;
}

/// Frames of a run that lacks, where something shows them.
std::optional<std::uint64_t> length_of_others(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total) {
  const auto length = common_length(runs);
  return length ? length : remaining(runs, total);
}

[[noreturn]] void throw_unplaced(const numbered_frames& run, const std::string& name) {
  throw format_error(fmt::format(
      "{}: of the datasets before {} some are not there, and nothing shows how many frames they held (image_nr_low, the other "
      "datasets, nimages and ntrigger): put their files beside this one, or count each dataset by its name",
      name, run.path));
}

}  // namespace

placed_frames place_frames(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total,
                           const std::string& name) {
  const std::optional<std::uint64_t> length = length_of_others(runs, total);
  placed_frames placed;
  std::uint64_t number = runs.front().number == 0 ? 0 : 1;  // that comes next
  std::optional<std::uint64_t> next = 0;                    // frame that it begins with, where that is known
  std::uint64_t held = 0;                                   // end of the last run that is there
  const auto skip = [&](std::uint64_t lacking) {
    if (lacking == 0 || !next) return;
    const bool is_known = length && lacking <= max_scan_frames / std::max<std::uint64_t>(*length, 1);
    next = is_known ? std::optional(*next + lacking * *length) : std::nullopt;
  };
  for (const numbered_frames& run : runs) {
    if (run.number < number) {
      throw format_error(fmt::format("{}: dataset {} has the number of another one", name, run.path));
    }
    skip(run.number - number);
    if (run.first && *run.first >= held) next = *run.first;
    if (run.frames && !next) throw_unplaced(run, name);
    placed.first.push_back(next.value_or(held));
    if (run.frames) {
      held = *next + *run.frames;
      next = held;
    } else {
      skip(1);
    }
    if (std::max(held, next.value_or(0)) > max_scan_frames) {
      throw format_error(fmt::format("{}: dataset {} ends behind frame {}, a scan has at most {} frames", name, run.path,
                                     max_scan_frames, max_scan_frames));
    }
    number = run.number + 1;
  }
  const bool is_claimed = total && *total <= max_scan_frames;
  placed.end = std::max(held, is_claimed ? *total : next.value_or(held));
  return placed;
}

}  // namespace countem::io
