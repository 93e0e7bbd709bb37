#include <countem/detective_efficiency.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <span>
#include <string>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "host/core/truth_checks.hpp"
#include "host/core/waves.hpp"

namespace countem {

namespace {

__extension__ using wide = unsigned __int128;

using core::axis_waves;
using core::ratio;
using core::spectrum_steps;
using core::wave_sums;

constexpr std::size_t points = spectrum_steps + 1;
constexpr double low_cycles_per_pixel = 1 / 50.0;  // the point at 0 takes the frequencies up to this
constexpr std::uint64_t enough_electrons = 2'000'000;
constexpr std::uint64_t least_frames = 64;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Fourier sums of the particles of one frame at every frequency that is used.
class frame_sums {
 public:
  frame_sums(const axis_waves& rows, const axis_waves& columns)
      : low_(rows.band() + 1, columns.band() + 1),
        along_rows_(rows.usable() ? spectrum_steps : 0, columns.band() + 1),
        along_columns_(rows.band() + 1, columns.usable() ? spectrum_steps : 0) {}

  void clear() {
    for (wave_sums* sums : {&low_, &along_rows_, &along_columns_}) sums->clear();
  }

  /// One particle at the place for which the waves have been set.
  void add(const axis_waves& rows, const axis_waves& columns) {
    low_.add(rows.low(), columns.low());
    if (rows.usable()) along_rows_.add(rows.spectrum(), columns.low());
    if (columns.usable()) along_columns_.add(rows.low(), columns.spectrum());
  }

  [[nodiscard]] const wave_sums& low() const { return low_; }
  [[nodiscard]] const wave_sums& along_rows() const { return along_rows_; }
  [[nodiscard]] const wave_sums& along_columns() const { return along_columns_; }

 private:
  wave_sums low_;
  wave_sums along_rows_;
  wave_sums along_columns_;
};

/// Sums over the frequencies of one point and over frames.
struct power {
  double electrons = 0;        ///< |E|^2
  double counts = 0;           ///< |C|^2
  std::complex<double> cross;  ///< C E*
  double modes = 0;

  void add(std::complex<double> count, std::complex<double> electron) {
    electrons += std::norm(electron);
    counts += std::norm(count);
    cross += count * std::conj(electron);
    ++modes;
  }
  void add(const power& other) {
    electrons += other.electrons;
    counts += other.counts;
    cross += other.cross;
    modes += other.modes;
  }
};

/// What is summed over the frames of a group.
struct frame_group {
  std::uint64_t frames = 0;
  std::uint64_t electrons = 0;
  std::uint64_t events = 0;
  power low;
  std::vector<power> along_rows = std::vector<power>(spectrum_steps);
  std::vector<power> along_columns = std::vector<power>(spectrum_steps);

  void add(const frame_group& other) {
    frames += other.frames;
    electrons += other.electrons;
    events += other.events;
    low.add(other.low);
    for (std::size_t step = 0; step < spectrum_steps; ++step) {
      along_rows[step].add(other.along_rows[step]);
      along_columns[step].add(other.along_columns[step]);
    }
  }
};

/// The mean over the axes that have the point. Each has a transfer of its own, so that a shift of all events costs nothing.
spectrum_point point_of(const frame_group& sums, std::span<const power> axes) {
  const double electrons = ratio(static_cast<double>(sums.electrons), static_cast<double>(sums.frames));
  spectrum_point out;
  double used = 0;
  for (const power& axis : axes) {
    if (axis.modes == 0) continue;
    ++used;
    out.transfer += ratio(std::abs(axis.cross), axis.electrons);
    const double followed = ratio(std::norm(axis.cross), axis.electrons);
    out.noise += ratio(std::max(0.0, axis.counts - followed), axis.modes) / electrons;
  }
  out.transfer = ratio(out.transfer, used);
  out.noise = ratio(out.noise, used);
  const double signal = out.transfer * out.transfer;
  out.noise_power = ratio((signal + out.noise) * static_cast<double>(sums.electrons), static_cast<double>(sums.events));
  out.efficiency = ratio(signal, signal + out.noise);
  return out;
}

spectrum_point point_of(const frame_group& sums, std::size_t at) {
  if (at == 0) return point_of(sums, std::span(&sums.low, 1));
  return point_of(sums, std::array{sums.along_rows[at - 1], sums.along_columns[at - 1]});
}

/// Sums of a group and what it works with.
class group_in_work {
 public:
  explicit group_in_work(frame_shape detector)
      : rows_(detector.height), columns_(detector.width), electrons_(rows_, columns_), counts_(rows_, columns_) {}

  void add(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth,
           std::size_t frame) {
    check_stop();  // the waves of one large frame take seconds
    add_electrons(truth, frame);
    add_events(counted.events(frame), grid, upsample);
    ++sums_.frames;
    add_powers();
  }

  [[nodiscard]] const frame_group& sums() const { return sums_; }

  /// Of the Nyquist frequency, on average over the axes.
  [[nodiscard]] double frequency(std::size_t at) const {
    if (at == 0) return 0;
    if (!rows_.usable()) return 2 * columns_.frequency(at);
    if (!columns_.usable()) return 2 * rows_.frequency(at);
    return rows_.frequency(at) + columns_.frequency(at);
  }

 private:
  void add_electrons(const simulated_truth& truth, std::size_t frame) {
    electrons_.clear();
    for (std::uint64_t each = truth.indptr[frame]; each < truth.indptr[frame + 1]; ++each) {
      rows_.set(truth.rows[each]);
      columns_.set(truth.columns[each]);
      electrons_.add(rows_, columns_);
    }
    sums_.electrons += truth.indptr[frame + 1] - truth.indptr[frame];
  }

  void add_events(std::span<const std::uint32_t> indices, frame_shape grid, std::uint32_t upsample) {
    counts_.clear();
    for (const std::uint32_t index : indices) {
      rows_.set(core::cell_centre(index / grid.width, upsample));
      columns_.set(core::cell_centre(index % grid.width, upsample));
      counts_.add(rows_, columns_);
    }
    sums_.events += indices.size();
  }

  /// Each frequency once: of two opposite ones, whose sums are conjugates, that of positive direction along its axis.
  void add_powers() {
    for (std::size_t row = 0; row <= rows_.band(); ++row) {
      for (std::size_t column = 0; column <= columns_.band(); ++column) {
        if (!is_low(row, column)) continue;
        sums_.low.add(counts_.low().sum(row, column), electrons_.low().sum(row, column));
        if (row > 0 && column > 0) sums_.low.add(counts_.low().mirrored(row, column), electrons_.low().mirrored(row, column));
      }
    }
    for (std::size_t step = 0; step < spectrum_steps; ++step) {
      for (std::size_t across = 0; rows_.usable() && across <= columns_.band(); ++across) {
        const wave_sums& counts = counts_.along_rows();
        const wave_sums& electrons = electrons_.along_rows();
        sums_.along_rows[step].add(counts.sum(step, across), electrons.sum(step, across));
        if (across > 0) sums_.along_rows[step].add(counts.mirrored(step, across), electrons.mirrored(step, across));
      }
      for (std::size_t across = 0; columns_.usable() && across <= rows_.band(); ++across) {
        const wave_sums& counts = counts_.along_columns();
        const wave_sums& electrons = electrons_.along_columns();
        sums_.along_columns[step].add(counts.sum(across, step), electrons.sum(across, step));
        if (across == 0) continue;
        sums_.along_columns[step].add(std::conj(counts.mirrored(across, step)), std::conj(electrons.mirrored(across, step)));
      }
    }
  }

  /// In the disc of the lowest frequencies; those next to 0 are always in it.
  [[nodiscard]] bool is_low(std::size_t row, std::size_t column) const {
    if (row + column <= 1) return row + column == 1;
    const double along = rows_.low_frequency(row) / low_cycles_per_pixel;
    const double across = columns_.low_frequency(column) / low_cycles_per_pixel;
    return along * along + across * across <= 1;
  }

  axis_waves rows_;
  axis_waves columns_;
  frame_sums electrons_;
  frame_sums counts_;
  frame_group sums_;
};

}  // namespace

class detective_efficiency::state {
 public:
  state(frame_shape detector, std::uint64_t frames, std::uint64_t most_frames)
      : detector_(detector),
        scan_frames_(frames),
        used_frames_(std::min(frames, most_frames)),
        groups_(groups, group_in_work(detector)) {}

  void add(const event_batch& counted, frame_shape grid, std::uint32_t upsample, const simulated_truth& truth,
           std::size_t number) {
    core::require_truth_of(counted, grid, upsample, truth);
    if (grid.height != std::uint64_t{detector_.height} * upsample || grid.width != std::uint64_t{detector_.width} * upsample)
      throw invalid_argument("spectrum: the events' grid is not that of the detector");
    for (std::uint64_t order = first_order(counted.first_frame, number); order < used_frames_; order += groups) {
      const std::uint64_t frame = frame_of(order) - counted.first_frame;
      if (frame >= counted.frames()) return;
      if ((counted.status[frame] & status_sectors) != 0) groups_[number].add(counted, grid, upsample, truth, frame);
    }
  }

  [[nodiscard]] counting_spectrum spectrum() const {
    frame_group all;
    for (const group_in_work& group : groups_) all.add(group.sums());
    counting_spectrum out;
    out.frames = all.frames;
    const auto frames = static_cast<double>(all.frames);
    out.electrons_per_frame = ratio(static_cast<double>(all.electrons), frames);
    out.events_per_frame = ratio(static_cast<double>(all.events), frames);
    const std::vector<double> errors = efficiency_errors();
    for (std::size_t at = 0; at < points; ++at) {
      spectrum_point point = point_of(all, at);
      point.frequency = groups_.front().frequency(at);
      point.efficiency_error = errors[at];
      out.points.push_back(point);
    }
    return out;
  }

 private:
  /// Of the frames that are used, the `order`-th.
  [[nodiscard]] std::uint64_t frame_of(std::uint64_t order) const {
    return static_cast<std::uint64_t>((wide{order + 1} * scan_frames_ - 1) / used_frames_);
  }

  /// The first one of a group that is not before a frame.
  [[nodiscard]] std::uint64_t first_order(std::uint64_t frame, std::size_t group) const {
    const auto first = static_cast<std::uint64_t>(wide{frame} * used_frames_ / scan_frames_);
    return first + (groups + group - first % groups) % groups;
  }

  /// Jackknife: from the efficiencies without each group in turn.
  [[nodiscard]] std::vector<double> efficiency_errors() const {
    std::vector<std::vector<double>> without(points);
    for (const group_in_work& left_out : groups_) {
      if (left_out.sums().frames == 0) continue;
      frame_group rest;
      for (const group_in_work& group : groups_) {
        if (&group != &left_out) rest.add(group.sums());
      }
      for (std::size_t at = 0; at < points; ++at) without[at].push_back(point_of(rest, at).efficiency);
    }
    std::vector<double> errors;
    for (const std::vector<double>& values : without) {
      const auto count = static_cast<double>(values.size());
      double mean = 0;
      for (const double value : values) mean += value / count;
      double squares = 0;
      for (const double value : values) squares += (value - mean) * (value - mean);
      errors.push_back(count < 2 ? not_a_number : std::sqrt((count - 1) / count * squares));
    }
    return errors;
  }

  frame_shape detector_;
  std::uint64_t scan_frames_;
  std::uint64_t used_frames_;
  std::vector<group_in_work> groups_;
};

detective_efficiency::detective_efficiency(frame_shape detector, std::uint64_t frames, std::uint64_t most_frames) {
  if (frames == 0 || most_frames == 0) throw invalid_argument("spectrum: there is no frame to use");
  if (!has_spectrum(detector)) {
    throw invalid_argument("spectrum: a detector of " + std::to_string(detector.height) + " x " +
                           std::to_string(detector.width) + " pixels has no axis of " + std::to_string(axis_waves::shortest) +
                           " pixels");
  }
  state_ = std::make_unique<state>(detector, frames, most_frames);
}

detective_efficiency::~detective_efficiency() = default;
detective_efficiency::detective_efficiency(detective_efficiency&&) noexcept = default;
detective_efficiency& detective_efficiency::operator=(detective_efficiency&&) noexcept = default;

void detective_efficiency::add(const event_batch& counted, frame_shape grid, std::uint32_t upsample,
                               const simulated_truth& truth) {
  for (std::size_t group = 0; group < groups; ++group) add(counted, grid, upsample, truth, group);
}

void detective_efficiency::add(const event_batch& counted, frame_shape grid, std::uint32_t upsample,
                               const simulated_truth& truth, std::size_t group) {
  state_->add(counted, grid, upsample, truth, group);
}

counting_spectrum detective_efficiency::spectrum() const {
  return state_->spectrum();
}

bool has_spectrum(frame_shape detector) {
  return std::max(detector.height, detector.width) >= axis_waves::shortest;
}

std::uint64_t enough_spectrum_frames(std::uint64_t electrons, std::uint64_t frames) {
  if (electrons <= enough_electrons) return frames;
  const double share = static_cast<double>(enough_electrons) / static_cast<double>(electrons);
  return std::min(frames, std::max(least_frames, static_cast<std::uint64_t>(share * static_cast<double>(frames))));
}

}  // namespace countem
