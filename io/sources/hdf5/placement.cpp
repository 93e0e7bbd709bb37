#include "io/sources/hdf5/placement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <countem/error.hpp>

#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

/// One way to read what the runs show.
struct reading {
  std::optional<std::uint64_t> length;  ///< frames of each run that lacks
  bool is_common = false;               ///< it is the length of those that are there
  std::uint64_t base = 1;               ///< image number of the scan's first frame, where neither a run nor a length shows it
};

/// The common length of all runs but the last; empty where none of these is there, or they differ.
std::optional<std::uint64_t> common_length(const std::vector<numbered_frames>& runs) {
  std::optional<std::uint64_t> length;
  for (auto run = runs.begin(); run + 1 < runs.end(); ++run) {
    if (run->frames.value_or(0) == 0) continue;
    if (length && *length != *run->frames) return std::nullopt;
    length = run->frames;
  }
  return length;
}

std::uint64_t frames_there(const std::vector<numbered_frames>& runs) {
  std::uint64_t frames = 0;
  for (const numbered_frames& run : runs) frames += run.frames.value_or(0);
  return frames;
}

/// Frames of the only run that lacks, where the scan's total shows them.
std::optional<std::uint64_t> remaining(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total) {
  std::uint64_t lacking = runs.back().number + 1 - first_number(runs);
  std::uint64_t held = frames_there(runs);
  for (const numbered_frames& run : runs) {
    held += run.length.value_or(0);
    if (run.frames || run.length.value_or(0) > 0) --lacking;
  }
  return total && lacking == 1 && held < *total ? std::optional(*total - held) : std::nullopt;
}

/// Image numbers that some of the runs lack, or that begin anew in each, are no places in the scan.
bool are_places(const std::vector<numbered_frames>& runs) {
  std::vector<std::uint64_t> images;
  for (const numbered_frames& run : runs) {
    if (run.frames && !run.image) return false;
    if (run.frames) images.push_back(*run.image);
  }
  return images.size() == 1 || std::ranges::count(images, images.front()) != std::ssize(images);
}

/// The ways to read the runs, those that more bears out first.
std::vector<reading> readings_of(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total) {
  if (frames_there(runs) == total) return {{0}};
  std::vector<reading> all;
  const auto common = common_length(runs);
  if (common) all.push_back({common, true});
  if (const auto length = remaining(runs, total)) all.push_back({length});
  if (common) return all;
  const numbered_frames& last = runs.back();
  if (total && last.frames && last.image.value_or(0) + *last.frames >= *total)
    all.push_back({{}, false, last.image.value_or(0) + *last.frames - *total});
  all.push_back({{}, false, 1});
  all.push_back({{}, false, 0});
  return all;
}

/// Places the runs by one reading, up to what contradicts it.
class placing {
 public:
  placing(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total, const reading& how)
      : runs_(runs), total_(total), how_(how), uses_images_(are_places(runs)), number_(first_number(runs)) {
    for (const numbered_frames& run : runs) {
      if (wrong_.empty()) take(run);
    }
    if (wrong_.empty()) end_scan();
  }

  /// What contradicts the reading; empty: nothing does.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] const placed_frames& result() const { return made_; }

 private:
  void take(const numbered_frames& run) {
    lack(run.number - number_, how_.length);
    number_ = run.number + 1;
    if (!run.frames) {
      lack(1, run.length.value_or(0) > 0 ? run.length : how_.length);
    } else if (const auto first = uses_images_ ? place_by_image(run) : place_by_number(run); first && wrong_.empty()) {
      put(run, *first);
    }
    if (wrong_.empty() && std::max(held_, next_.value_or(0)) > max_scan_frames)
      wrong_ = fmt::format("dataset {} ends behind frame {}, a scan has at most {} frames", run.path, max_scan_frames,
                           max_scan_frames);
  }

  void lack(std::uint64_t datasets, std::optional<std::uint64_t> length) {
    lacking_ += datasets;
    if (datasets == 0 || !next_) return;
    const bool is_known = length && datasets <= max_scan_frames / std::max<std::uint64_t>(*length, 1);
    next_ = is_known ? std::optional(*next_ + datasets * *length) : std::nullopt;
  }

  /// By what comes before; empty where that is not known.
  std::optional<std::uint64_t> place_by_number(const numbered_frames& run) {
    if (lacking_ > 0) is_guessed_ = true;
    if (!next_) {
      wrong_ = fmt::format(
          "of the datasets before {} some are not there, and nothing shows how many frames they held (image_nr_low, the other "
          "datasets, nimages and ntrigger): put their files beside this one, or count each dataset by its name",
          run.path);
    }
    return next_;
  }

  /// By the image number; that of the first run that is there shows the base.
  std::optional<std::uint64_t> place_by_image(const numbered_frames& run) {
    if (!before_) {
      base_ = how_.base;
      is_guessed_ = lacking_ > 0;
      if (next_ && *next_ <= *run.image) base_ = *run.image - *next_;
      if (is_contradicted(run)) {
        wrong_ = fmt::format(
            "dataset {} begins with image {} (image_nr_low), and {} before it: counted from {}, the numbers contradict the "
            "lengths of the datasets or their total (nimages and ntrigger); put the files of those that are not there beside "
            "this one, or count each dataset by its name",
            run.path, *run.image,
            lacking_ == 1 ? "one dataset is not there" : fmt::format("{} datasets are not there", lacking_), *base_);
        return std::nullopt;
      }
    } else if (*run.image <= *before_->image) {
      wrong_ = fmt::format(
          "dataset {} begins with image {} (image_nr_low), and dataset {} before it with image {}: one of them leads to "
          "another's file; count each dataset by its name",
          run.path, *run.image, before_->path, *before_->image);
    } else if (*run.image - *base_ < held_) {
      wrong_ = fmt::format(
          "dataset {} begins with image {} (image_nr_low), and dataset {} before it with image {} and holds {} frames, which "
          "contradicts it; count each dataset by its name",
          run.path, *run.image, before_->path, *before_->image, *before_->frames);
    }
    return *run.image - *base_;
  }

  /// Whether the base gives the runs before the first that is there other lengths than they can have: one for all, and not
  /// less than the last's.
  [[nodiscard]] bool is_contradicted(const numbered_frames& run) const {
    if (*run.image < *base_) return true;
    const std::uint64_t before = *run.image - *base_;
    if (next_) return *next_ != before;
    return before % lacking_ != 0 || before / lacking_ < std::max<std::uint64_t>(runs_.back().frames.value_or(0), 1);
  }

  void put(const numbered_frames& run, std::uint64_t first) {
    const auto at = static_cast<std::size_t>(&run - runs_.data());
    has_leapt_ = has_leapt_ || first != held_;
    close_gap(at, first - held_);
    made_.first.push_back(first);
    held_ = first + *run.frames;
    next_ = held_;
    before_ = &run;
    begin_ = at + 1;
    if (!has_leapt_ || !total_ || held_ <= *total_) return;
    wrong_ = fmt::format(
        "by number dataset {} would end with frame {} of {} that the scan has (nimages and ntrigger): numbers, image_nr_low or "
        "totals are wrong; count each dataset by its name",
        run.path, held_, *total_);
  }

  void close_gap(std::size_t end, std::optional<std::uint64_t> frames) {
    if (lacking_ > 0 || frames.value_or(0) > 0) made_.gaps.push_back({begin_, end, lacking_, frames});
    lacking_ = 0;
  }

  void end_scan() {
    check_lengths();
    const bool is_claimed = total_ && *total_ <= max_scan_frames;
    made_.end = std::max(held_, is_claimed ? *total_ : next_.value_or(held_));
    const std::uint64_t left = made_.end - held_;
    const bool is_known = is_claimed || next_;
    if (lacking_ > 0) {
      const std::uint64_t frames = next_ ? std::min(left, *next_ - held_) : left;
      close_gap(runs_.size(), is_known ? std::optional(frames) : std::nullopt);
      begin_ = runs_.size();
      close_gap(runs_.size(), left - frames);
    } else {
      close_gap(runs_.size(), left);
    }
  }

  /// The last run is as long as the others or shorter; where it is shorter, it ends the scan, as it must by a base that no
  /// detector has.
  void check_lengths() {
    const numbered_frames& last = runs_.back();
    const bool is_common = is_guessed_ && how_.is_common;
    if (is_common && last.frames.value_or(0) > *how_.length) {
      wrong_ = fmt::format(
          "dataset {} holds {} frames and is the last, those before it {}, but the last is never longer: how many frames the "
          "datasets held that are not there is not known; put their files beside this one, or count each dataset by its name",
          last.path, *last.frames, *how_.length);
    }
    const std::uint64_t base = base_.value_or(0);
    const bool is_last = last.frames && ((is_common && *last.frames < *how_.length && base != 1) || base > 1);
    const bool has_room =
        last.frames || !is_common || !total_ || (*total_ > held_ && lacking_ - 1 <= (*total_ - held_ - 1) / *how_.length);
    if (wrong_.empty() && ((is_last && total_ && held_ < *total_) || !has_room)) {
      wrong_ = fmt::format(
          "its datasets that are there would end with frame {} of {} that the scan has (nimages and ntrigger), which "
          "contradicts their lengths "
          "or image_nr_low; put the files of those that are not there beside this one, or count each dataset by its name",
          held_, *total_);
    }
  }

  const std::vector<numbered_frames>& runs_;
  std::optional<std::uint64_t> total_;
  reading how_;
  bool uses_images_;
  placed_frames made_;
  std::string wrong_;
  std::uint64_t number_;                     ///< that comes next
  std::optional<std::uint64_t> next_ = 0;    ///< frame that it begins with by what lies before, where that is known
  std::optional<std::uint64_t> base_;        ///< image number of frame 0
  const numbered_frames* before_ = nullptr;  ///< last run that is there
  std::size_t begin_ = 0;                    ///< run behind it
  std::uint64_t held_ = 0;                   ///< its end
  std::uint64_t lacking_ = 0;                ///< datasets behind it
  bool is_guessed_ = false;                  ///< the reading gave a run its place
  bool has_leapt_ = false;                   ///< frames before `held_` are not there
};

}  // namespace

std::uint64_t first_number(const std::vector<numbered_frames>& runs) {
  return runs.front().number == 0 ? 0 : 1;
}

placed_frames place_frames(const std::vector<numbered_frames>& runs, std::optional<std::uint64_t> total,
                           const std::string& name) {
  const auto twice = std::ranges::adjacent_find(runs, [](const auto& a, const auto& b) { return a.number >= b.number; });
  if (twice != runs.end())
    throw format_error(fmt::format("{}: dataset {} has the number of another one", name, (twice + 1)->path));
  std::string wrong;
  for (const reading& how : readings_of(runs, total)) {
    const placing placed(runs, total, how);
    if (placed.wrong().empty()) return placed.result();
    if (wrong.empty()) wrong = placed.wrong();
  }
  throw format_error(name + ": " + wrong);
}

}  // namespace countem::io
