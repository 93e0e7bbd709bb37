#include <countem/compare.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <tuple>

#include <countem/error.hpp>

#include "host/core/truth_checks.hpp"

namespace countem {

namespace {

using core::ratio;

struct position {
  double row = 0;
  double column = 0;
};

/// Where the events of one frame lie on the detector.
class event_places {
 public:
  event_places(std::span<const std::uint32_t> indices, frame_shape grid, std::uint32_t upsample)
      : indices_(indices), grid_(grid), upsample_(upsample) {}

  [[nodiscard]] position at(std::size_t event) const {
    return {core::cell_centre(indices_[event] / grid_.width, upsample_),
            core::cell_centre(indices_[event] % grid_.width, upsample_)};
  }

  /// Calls visit(event) for every event in the square of half-width `reach` around a place, perhaps some outside it too.
  template <class Visit>
  void near(position place, double reach, const Visit& visit) const {
    const std::uint64_t first_row = cell(place.row - reach, grid_.height);
    const std::uint64_t last_row = cell(place.row + reach, grid_.height);
    const std::uint64_t first_column = cell(place.column - reach, grid_.width);
    const std::uint64_t last_column = cell(place.column + reach, grid_.width);
    for (std::uint64_t row = first_row; row <= last_row; ++row) {
      auto event = std::lower_bound(indices_.begin(), indices_.end(), row * grid_.width + first_column);
      for (; event != indices_.end() && *event <= row * grid_.width + last_column; ++event) {
        visit(static_cast<std::size_t>(event - indices_.begin()));
      }
    }
  }

 private:
  /// The grid cell that holds a coordinate, the nearest one for coordinates outside.
  [[nodiscard]] std::uint64_t cell(double coordinate, std::uint32_t length) const {
    return static_cast<std::uint64_t>(std::clamp(std::floor((coordinate + 0.5) * upsample_), 0.0, length - 1.0));
  }

  std::span<const std::uint32_t> indices_;
  frame_shape grid_;
  std::uint32_t upsample_;
};

struct candidate {
  double distance2 = 0;
  std::size_t electron = 0;
  std::size_t event = 0;
  position off;

  bool operator<(const candidate& other) const {
    return std::tie(distance2, electron, event) < std::tie(other.distance2, other.electron, other.event);
  }
};

/// The electrons of one frame.
struct electron_places {
  std::span<const float> rows;
  std::span<const float> columns;
};

std::vector<candidate> nearest_first(const event_places& events, const electron_places& electrons, double radius) {
  std::vector<candidate> found;
  for (std::size_t electron = 0; electron < electrons.rows.size(); ++electron) {
    const position place{electrons.rows[electron], electrons.columns[electron]};
    events.near(place, radius, [&](std::size_t event) {
      const position at = events.at(event);
      const position off{at.row - place.row, at.column - place.column};
      const double distance2 = off.row * off.row + off.column * off.column;
      if (distance2 <= radius * radius) found.push_back({distance2, electron, event, off});
    });
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Pairs up one frame, adds the distances of the pairs to `sum` and returns their number.
std::uint64_t pair_up(const event_places& events, std::size_t event_count, const electron_places& electrons, double radius,
                      comparison& sum) {
  std::vector<bool> event_taken(event_count);
  std::vector<bool> electron_taken(electrons.rows.size());
  std::uint64_t pairs = 0;
  for (const candidate& pair : nearest_first(events, electrons, radius)) {
    if (event_taken[pair.event] || electron_taken[pair.electron]) continue;
    event_taken[pair.event] = electron_taken[pair.electron] = true;
    ++pairs;
    sum.row_sum += pair.off.row;
    sum.row_squares += pair.off.row * pair.off.row;
    sum.column_sum += pair.off.column;
    sum.column_squares += pair.off.column * pair.off.column;
  }
  return pairs;
}

/// The extremes of a single frame.
void note_extremes(std::uint64_t frame, double pairs, double events, double electrons, comparison& of_frame) {
  if (electrons > 0) {
    of_frame.worst_recall = {frame, pairs / electrons};
    of_frame.fewest_events = of_frame.most_events = {frame, events / electrons};
  }
  if (events > 0) of_frame.worst_precision = {frame, pairs / events};
}

void check(const comparison_options& options) {
  if (!(options.radius_px > 0 && options.radius_px <= 1000)) {
    throw invalid_argument("comparison: radius " + std::to_string(options.radius_px) + " is not in (0, 1000] pixels");
  }
}

}  // namespace

namespace core {

void require_truth_of(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth) {
  if (upsample == 0 || grid.pixels() == 0 || grid.pixels() > max_pixels)
    throw invalid_argument("comparison: the events have no frame to lie in");
  if (truth.indptr.size() != counted.frames() + 1) {
    throw invalid_argument("comparison: " + std::to_string(counted.frames()) + " counted frames against the truth of " +
                           std::to_string(truth.indptr.size() - 1) + "; compare files of the same scan");
  }
  const std::uint64_t electrons = truth.indptr.back();
  if (truth.rows.size() != electrons || truth.columns.size() != electrons ||
      (!truth.charges_adu.empty() && truth.charges_adu.size() != electrons)) {
    throw invalid_argument("comparison: the truth's columns have different lengths");
  }
}

}  // namespace core

comparison compare_frame(const event_batch& counted, std::size_t frame, frame_shape grid, std::uint32_t upsample,
                         const simulated_truth& truth, const comparison_options& options) {
  check(options);
  core::require_truth_of(counted, grid, upsample, truth);
  comparison found;
  if ((counted.status[frame] & status_sectors) == 0) {
    found.missing_frames = 1;
    return found;
  }
  const std::uint64_t first = truth.indptr[frame];
  const std::uint64_t count = truth.indptr[frame + 1] - first;
  const electron_places electrons{std::span(truth.rows).subspan(first, count), std::span(truth.columns).subspan(first, count)};
  const std::span<const std::uint32_t> indices = counted.events(frame);
  found.matched = pair_up(event_places(indices, grid, upsample), indices.size(), electrons, options.radius_px, found);
  found.frames = 1;
  found.electrons = count;
  found.events = indices.size();
  if (!truth.charges_adu.empty()) {
    const std::span<const float> charges = std::span(truth.charges_adu).subspan(first, count);
    const auto lost = [&](float charge) { return !(charge > options.detectable_adu); };
    found.undetectable = static_cast<std::uint64_t>(std::count_if(charges.begin(), charges.end(), lost));
  }
  note_extremes(counted.first_frame + frame, static_cast<double>(found.matched), static_cast<double>(indices.size()),
                static_cast<double>(count), found);
  return found;
}

void compare(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth,
             const comparison_options& options, comparison& sum) {
  check(options);
  core::require_truth_of(counted, grid, upsample, truth);
  for (std::size_t frame = 0; frame < counted.frames(); ++frame)
    sum.add(compare_frame(counted, frame, grid, upsample, truth, options));
}

simulated_truth as_truth(const event_batch& events, frame_shape grid, std::uint32_t upsample) {
  simulated_truth truth;
  truth.indptr = events.indptr;
  const event_places places(events.indices, grid, upsample);
  for (std::size_t event = 0; event < events.indices.size(); ++event) {
    const position at = places.at(event);
    truth.rows.push_back(static_cast<float>(at.row));
    truth.columns.push_back(static_cast<float>(at.column));
  }
  return truth;
}

void comparison::add(const comparison& next) {
  frames += next.frames;
  missing_frames += next.missing_frames;
  electrons += next.electrons;
  undetectable += next.undetectable;
  events += next.events;
  matched += next.matched;
  row_sum += next.row_sum;
  row_squares += next.row_squares;
  column_sum += next.column_sum;
  column_squares += next.column_squares;
  if (next.worst_recall.value < worst_recall.value) worst_recall = next.worst_recall;
  if (next.worst_precision.value < worst_precision.value) worst_precision = next.worst_precision;
  if (next.fewest_events.value < fewest_events.value) fewest_events = next.fewest_events;
  if (next.most_events.value > most_events.value) most_events = next.most_events;
}

double comparison::recall() const {
  return ratio(static_cast<double>(matched), static_cast<double>(electrons));
}
double comparison::recall_limit() const {
  return ratio(static_cast<double>(electrons - undetectable), static_cast<double>(electrons));
}
double comparison::precision() const {
  return ratio(static_cast<double>(matched), static_cast<double>(events));
}
double comparison::count_ratio() const {
  return ratio(static_cast<double>(events), static_cast<double>(electrons));
}
double comparison::rms_row() const {
  return std::sqrt(ratio(row_squares, static_cast<double>(matched)));
}
double comparison::rms_column() const {
  return std::sqrt(ratio(column_squares, static_cast<double>(matched)));
}
double comparison::rms_radial() const {
  return std::sqrt(ratio(row_squares + column_squares, static_cast<double>(matched)));
}
double comparison::mean_row() const {
  return ratio(row_sum, static_cast<double>(matched));
}
double comparison::mean_column() const {
  return ratio(column_sum, static_cast<double>(matched));
}

}  // namespace countem
