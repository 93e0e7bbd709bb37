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
  const auto there = std::count_if(runs.begin(), runs.end(),
                                   [](const numbered_frames& run) { return run.frames || run.length.value_or(0) > 0; });
  return numbers - static_cast<std::uint64_t>(there);
}

/// Frames of the only run that lacks, where the scan's total shows them.
std::optional<std::uint64_t> remaining(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total) {
  if (!total || count_lacking(runs) != 1) return std::nullopt;
  std::uint64_t held = 0;
  for (const numbered_frames& run : runs) held += run.frames.value_or(run.length.value_or(0));
  return held < *total ? std::optional(*total - held) : std::nullopt;
}

/// Frames of a run that lacks, where something shows them.
std::optional<std::uint64_t> length_of_others(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total) {
  const auto length = common_length(runs);
  return length ? length : remaining(runs, total);
}

/// Image numbers that begin anew in each run are no places in the scan.
bool begin_anew(const std::vector<numbered_frames>& runs) {
  std::vector<std::uint64_t> known;
  for (const numbered_frames& run : runs) {
    if (run.first) known.push_back(*run.first);
  }
  return known.size() > 1 && std::ranges::count(known, known.front()) == std::ssize(known);
}

/// Whether the runs that are there are the whole scan, whatever their numbers.
bool are_all(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total) {
  std::uint64_t held = 0;
  for (const numbered_frames& run : runs) held += run.frames.value_or(0);
  return held == total;
}

class placing {
 public:
  placing(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total, const std::string& name)
      : runs_(runs),
        total_(total),
        name_(name),
        length_(are_all(runs, total) ? 0 : length_of_others(runs, total)),
        uses_images_(!begin_anew(runs)),
        number_(runs.front().number == 0 ? 0 : 1) {}

  placed_frames result() {
    for (const numbered_frames& run : runs_) take(run);
    const bool is_claimed = total_ && *total_ <= max_scan_frames;
    made_.end = std::max(held_, is_claimed ? *total_ : next_.value_or(held_));
    made_.has_gaps = leaps_;
    made_.held = std::max(held_, next_.value_or(held_));
    return std::move(made_);
  }

 private:
  void take(const numbered_frames& run) {
    if (run.number < number_) throw format_error(fmt::format("{}: dataset {} has the number of another one", name_, run.path));
    skip(run.number - number_, length_);
    if (run.first && uses_images_) take_image_number(run);
    if (run.frames && !next_) throw_unplaced(run);
    made_.first.push_back(next_.value_or(held_));
    if (run.frames) {
      held_ = *next_ + *run.frames;
      next_ = held_;
    } else {
      skip(1, run.length.value_or(0) > 0 ? run.length : length_);
    }
    check_end(run);
    number_ = run.number + 1;
  }

  void skip(std::uint64_t lacking, std::optional<std::uint64_t> length) {
    if (lacking == 0 || !next_) return;
    const bool is_known = length && lacking <= max_scan_frames / std::max<std::uint64_t>(*length, 1);
    next_ = is_known ? std::optional(*next_ + lacking * *length) : std::nullopt;
    leaps_ = leaps_ || next_ != held_;
  }

  void take_image_number(const numbered_frames& run) {
    if (*run.first < held_) {
      throw format_error(fmt::format(
          "{}: dataset {} begins with image {} (image_nr_low), and those before it by number end with image {}: one "
          "of them leads to another's file; count each dataset by its name",
          name_, run.path, *run.first + 1, held_));
    }
    leaps_ = leaps_ || *run.first != held_;
    next_ = *run.first;
  }

  /// More frames than the total may be there, but a place beyond it that was guessed, or that a number alone gives, is none.
  void check_end(const numbered_frames& run) const {
    if (std::max(held_, next_.value_or(0)) > max_scan_frames) {
      throw format_error(fmt::format("{}: dataset {} ends behind frame {}, a scan has at most {} frames", name_, run.path,
                                     max_scan_frames, max_scan_frames));
    }
    if (!run.frames || !leaps_ || !total_ || held_ <= *total_) return;
    throw format_error(
        fmt::format("{}: by number dataset {} would end with frame {} of {} that the scan has (nimages and ntrigger): numbers, "
                    "image_nr_low or totals are wrong; count each dataset by its name",
                    name_, run.path, held_, *total_));
  }

  [[noreturn]] void throw_unplaced(const numbered_frames& run) const {
    throw format_error(
        fmt::format("{}: of the datasets before {} some are not there, and nothing shows how many frames they held "
                    "(image_nr_low, the other datasets, nimages and ntrigger): put their files beside this one, or count each "
                    "dataset by its name",
                    name_, run.path));
  }

  const std::vector<numbered_frames>& runs_;
  std::optional<std::uint64_t> total_;
  const std::string& name_;
  std::optional<std::uint64_t> length_;  ///< of runs that lack
  bool uses_images_;
  placed_frames made_;
  std::uint64_t number_;                   ///< that comes next
  std::optional<std::uint64_t> next_ = 0;  ///< frame that it begins with, where that is known
  std::uint64_t held_ = 0;                 ///< end of the last run that is there
  bool leaps_ = false;                     ///< frames before `next_` are not there
};

}  // namespace

placed_frames place_frames(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total,
                           const std::string& name) {
  return placing(runs, total, name).result();
}

}  // namespace countem::io
