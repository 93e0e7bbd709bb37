#include "host/engine/merged_positions.hpp"

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <string>

#include <countem/centre.hpp>

#include "host/core/frame_status.hpp"
#include "threads/arena.hpp"

namespace countem::engine {

namespace {

/// What is made at a time: 16 MiB of events, 32 MiB where they carry values.
constexpr std::uint64_t most_events = std::uint64_t{1} << 22U;
constexpr std::uint64_t most_frames = std::uint64_t{1} << 14U;

/// Calls visit(frame of the store) for the frames that go into one position of the copy.
template <class Visit>
void for_sources(const scan_shape& scan, const copy_plan& plan, std::uint32_t row, std::uint32_t column, std::uint32_t repeat,
                 const Visit& visit) {
  const std::uint32_t first_row = row * plan.scan_bin;
  const std::uint32_t first_column = column * plan.scan_bin;
  const std::uint32_t end_row = std::min(first_row + plan.scan_bin, plan.scan.height);
  const std::uint32_t end_column = std::min(first_column + plan.scan_bin, plan.scan.width);
  for (std::uint32_t r = first_row; r < end_row; ++r) {
    for (std::uint32_t c = first_column; c < end_column; ++c) {
      const std::uint64_t position = std::uint64_t{plan.scan.row + r} * scan.width + plan.scan.column + c;
      visit(position * scan.frames_per_position + repeat);
    }
  }
}

/// Events that go into one frame of the copy, those outside its window included.
std::uint64_t events_of(std::span<const std::uint32_t> counts, const scan_shape& scan, const copy_plan& plan, std::uint32_t row,
                        std::uint32_t column, std::uint32_t repeat) {
  std::uint64_t events = 0;
  for_sources(scan, plan, row, column, repeat, [&](std::uint64_t frame) {
    if (counts[frame] != not_written) events += counts[frame];
  });
  return events;
}

}  // namespace

std::uint64_t copied_walk::events_of(std::uint32_t column, std::uint32_t repeat) const {
  return engine::events_of(counts_, scan_, plan_, row_, column, repeat);
}

copied_frames copied_walk::next() {
  const std::uint32_t rows = (plan_.scan.height - 1) / plan_.scan_bin + 1;
  const std::uint32_t columns = (plan_.scan.width - 1) / plan_.scan_bin + 1;
  const std::uint32_t repeats = scan_.frames_per_position;
  if (row_ >= rows) return {};
  copied_frames some{row_, column_, column_ + 1, repeat_, repeat_};
  std::uint64_t events = 0;
  const auto is_full = [&](std::uint64_t more) { return events + more > most_events || some.frames() >= most_frames; };
  for (; some.end_repeat < repeats; ++some.end_repeat) {
    const std::uint64_t more = events_of(column_, some.end_repeat);
    if (some.repeats() > 0 && is_full(more)) break;
    events += more;
  }
  repeat_ = some.end_repeat % repeats;
  if (repeat_ != 0 || some.first_repeat != 0) {  // a part of the repeats of one position
    if (repeat_ == 0) ++column_;
  } else {
    for (++column_; column_ < columns; ++column_) {
      std::uint64_t more = 0;
      for (std::uint32_t repeat = 0; repeat < repeats; ++repeat) more += events_of(column_, repeat);
      if (is_full(more)) break;
      events += more;
      some.end_column = column_ + 1;
    }
  }
  if (column_ == columns) {
    column_ = 0;
    ++row_;
  }
  return some;
}

merged_positions::merged_positions(const copy_plan& plan, frame_shape from, std::uint32_t frames_per_position, bool with_values,
                                   unsigned threads)
    : plan_(plan),
      from_width_(from.width),
      to_(binned(plan.detector.shape, plan.bin)),
      frames_per_position_(frames_per_position),
      with_values_(with_values),
      threads_(threads) {}

void merged_positions::begin(std::span<const std::uint32_t> counts, const scan_shape& scan, const copied_frames& wanted) {
  now_ = wanted;
  frames_.clear();
  for (std::uint32_t column = wanted.first_column; column < wanted.end_column; ++column) {
    for (std::uint32_t repeat = wanted.first_repeat; repeat < wanted.end_repeat; ++repeat) {
      frame& one = frames_.emplace_back();
      const std::uint64_t events = events_of(counts, scan, plan_, wanted.row, column, repeat);
      if (with_values_) {
        one.valued.reserve(events);
      } else if (events > to_.pixels()) {
        one.multiplicity.resize(to_.pixels());
      } else {
        one.indices.reserve(events);
      }
    }
  }
}

void merged_positions::add(const event_batch& events) {
  for (std::size_t i = 0; i < events.frames(); ++i) {
    const std::uint64_t in_row = events.first_frame + i;
    const std::uint64_t position = in_row / frames_per_position_ / plan_.scan_bin;
    frame& into = frames_[position * now_.repeats() + in_row % frames_per_position_ - now_.first_repeat];
    add_events(events, i, into);
    into.xrays += events.xrays[i];
    const auto present = static_cast<std::uint8_t>(events.status[i] & status_sectors);
    into.arrived |= present;
    into.whole &= present;
    into.flags |= static_cast<std::uint8_t>(events.status[i] & ~status_sectors);
  }
}

/// The events of one frame that the copy keeps, not yet in order.
void merged_positions::add_events(const event_batch& events, std::size_t number, frame& into) const {
  const detector_window& window = plan_.detector;
  for (std::uint64_t i = events.indptr[number]; i < events.indptr[number + 1]; ++i) {
    const std::uint32_t row = events.indices[i] / from_width_;
    const std::uint32_t column = events.indices[i] % from_width_;
    if (row < window.row || row - window.row >= window.shape.height || column < window.column ||
        column - window.column >= window.shape.width)
      continue;
    const std::uint32_t index = (row - window.row) / plan_.bin * to_.width + (column - window.column) / plan_.bin;
    if (with_values_) {
      into.valued.push_back({index, events.values.empty() ? 0 : events.values[i]});
    } else if (!into.multiplicity.empty()) {
      ++into.multiplicity[index];
    } else {
      into.indices.push_back(index);
    }
  }
}

void merged_positions::append(const frame& one, event_batch& out) const {
  out.indices.insert(out.indices.end(), one.indices.begin(), one.indices.end());
  for (const valued_event& event : one.valued) {
    out.indices.push_back(event.index);
    out.values.push_back(event.value);
  }
  for (std::uint32_t pixel = 0; pixel < one.multiplicity.size(); ++pixel)
    out.indices.insert(out.indices.end(), one.multiplicity[pixel], pixel);
  out.indptr.push_back(out.indices.size());
  out.xrays.push_back(one.xrays);
  // A merged frame that lacks some of what should have gone into it is cut short. It has the sectors that all have, if
  // there is one.
  const std::uint8_t cut_short = one.whole != one.arrived ? status_truncated : 0;
  const std::uint8_t sectors = one.whole != 0 ? one.whole : one.arrived;
  out.status.push_back(static_cast<std::uint8_t>(sectors | one.flags | cut_short));
}

void merged_positions::take(event_batch& out) {
  arena_of(threads_).execute([&] {
    oneapi::tbb::parallel_for(std::size_t{0}, frames_.size(), [&](std::size_t i) {
      std::ranges::sort(frames_[i].indices);
      std::ranges::sort(frames_[i].valued);
    });
  });
  out.clear();
  std::uint64_t events = 0;
  for (const frame& one : frames_) {
    events += one.indices.size() + one.valued.size();
    for (const std::uint32_t times : one.multiplicity) events += times;
  }
  if (out.indices.capacity() < events || out.indices.capacity() > 4 * events) {
    out.indices = {};
    out.values = {};
  }
  out.indices.reserve(events);
  if (with_values_) out.values.reserve(events);
  for (frame& one : frames_) {
    append(one, out);
    one = {};
  }
}

}  // namespace countem::engine

namespace countem {

namespace {

/// What merged frames lack.
struct merged_losses {
  std::uint64_t frames = 0;      ///< of the copy
  std::uint64_t fewer = 0;       ///< of those, made of some that arrived, but not of all in whole
  std::uint64_t none = 0;        ///< nothing of which arrived
  std::uint64_t missing = 0;     ///< of the store, in frames of the first kind
  std::uint64_t incomplete = 0;  ///< likewise
};

merged_losses losses_of(const event_store& from, const copy_plan& plan) {
  const scan_shape& scan = from.description().scan;
  const scan_shape merged = axes_of_copy(from.description(), plan).scan;
  const std::vector<std::uint8_t>& status = from.status();
  merged_losses losses{.frames = merged.frames()};
  for (std::uint32_t row = 0; row < merged.height; ++row) {
    for (std::uint32_t column = 0; column < merged.width; ++column) {
      for (std::uint32_t repeat = 0; repeat < merged.frames_per_position; ++repeat) {
        std::uint64_t arrived = 0;
        std::uint64_t missing = 0;
        std::uint64_t incomplete = 0;
        engine::for_sources(scan, plan, row, column, repeat, [&](std::uint64_t frame) {
          ++(has_arrived(status[frame]) ? arrived : missing);
          if (has_arrived(status[frame]) && !is_complete(status[frame])) ++incomplete;
        });
        if (arrived == 0) ++losses.none;
        if (arrived == 0 || missing + incomplete == 0) continue;
        ++losses.fewer;
        losses.missing += missing;
        losses.incomplete += incomplete;
      }
    }
  }
  return losses;
}

}  // namespace

std::vector<source_issue> lacking_in_copy(const event_store& from, const copy_plan& plan, const std::string& name) {
  if (plan.scan_bin == 1) return {};
  const merged_losses losses = losses_of(from, plan);
  if (losses.fewer == 0) return {};
  std::string words = name + ": " + std::to_string(losses.fewer) + " of " + std::to_string(losses.frames) +
                      " merged frames hold less than the others, since of the frames that go into them " +
                      std::to_string(losses.missing) + " never arrived and " + std::to_string(losses.incomplete) +
                      " lack a part: they are the sum of what arrived and are marked as incomplete";
  if (losses.none > 0) words += "; " + std::to_string(losses.none) + " more, of which nothing arrived, are missing";
  return {{"merged_frames_lack_some", words, losses.fewer}};
}

}  // namespace countem
