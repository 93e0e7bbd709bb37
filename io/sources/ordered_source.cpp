#include "io/sources/ordered_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include <countem/error.hpp>
#include <countem/scan_path.hpp>
#include <countem/stop.hpp>

#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

class ordered_source final : public frame_source {
 public:
  ordered_source(source_info info, const frame_order& order, std::unique_ptr<frame_source> recording)
      : info_(std::move(info)), order_(order), recording_(std::move(recording)) {}

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    const ordered_run run = order_.run(first, first + count);
    if (run.frames == count && run.recorded) {
      recording_->read(*run.recorded, count, batch);
      if (run.backwards) std::reverse(batch.frames.begin(), batch.frames.end());
      batch.first_frame = first;
      return;
    }
    std::vector<frame_view> frames;
    std::byte* const storage = batch.storage(count * frame_bytes());
    frame_batch part;
    for (std::uint64_t at = first; at < first + count;) {
      const ordered_run some = order_.run(at, first + count);
      read_run(some, part);
      for (const frame_view& frame : part.frames) {
        std::byte* const to = storage + frames.size() * frame_bytes();
        frames.push_back(copied(frame, to));
      }
      at += some.frames;
    }
    batch.frames = std::move(frames);
    batch.first_frame = first;
  }

  [[nodiscard]] frame_arrival arrival(std::uint64_t number) const override {
    const std::optional<std::uint64_t> recorded = order_.recorded(number);
    return recorded ? recording_->arrival(*recorded) : frame_arrival::nothing;
  }

  void visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch, const visitor& use) const override {
    check_range(info_, first, count);
    for (std::uint64_t at = first; at < first + count;) {
      const ordered_run run = order_.run(at, first + count);
      if (!run.recorded) {
        const std::vector<frame_view> frames(static_cast<std::size_t>(run.frames), missing());
        use(at, frames);
      } else if (!run.backwards) {
        const auto shown = [&](std::uint64_t number, std::span<const frame_view> frames) {
          use(at + (number - *run.recorded), frames);
        };
        recording_->visit(*run.recorded, static_cast<std::size_t>(run.frames), most, batch, shown);
      } else {
        visit_backwards(run, std::max<std::size_t>(1, most), batch, use);
      }
      at += run.frames;
    }
  }

 private:
  /// Pieces of the run from its end on, each turned round.
  void visit_backwards(const ordered_run& run, std::size_t most, frame_batch& batch, const visitor& use) const {
    std::vector<frame_view> turned;
    std::vector<std::byte> kept;  // of what is shown in parts, as where files meet
    for (std::uint64_t done = 0; done < run.frames;) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(most, run.frames - done));
      const std::uint64_t lowest = *run.recorded + (run.frames - done - piece);
      bool is_shown = false;
      recording_->visit(lowest, piece, piece, batch, [&](std::uint64_t number, std::span<const frame_view> frames) {
        if (frames.size() == piece) {
          turned.assign(frames.rbegin(), frames.rend());
          use(run.first + done, turned);
          is_shown = true;
          return;
        }
        turned.resize(piece);
        kept.resize(piece * frame_bytes());
        for (std::size_t i = 0; i < frames.size(); ++i) {
          const std::size_t place = piece - 1 - static_cast<std::size_t>(number - lowest) - i;
          turned[place] = copied(frames[i], kept.data() + place * frame_bytes());
        }
      });
      if (!is_shown) use(run.first + done, turned);
      done += piece;
    }
  }

  void read_run(const ordered_run& run, frame_batch& to) const {
    if (!run.recorded) {
      to.frames.assign(static_cast<std::size_t>(run.frames), missing());
      return;
    }
    recording_->read(*run.recorded, static_cast<std::size_t>(run.frames), to);
    if (run.backwards) std::reverse(to.frames.begin(), to.frames.end());
  }

  [[nodiscard]] std::size_t frame_bytes() const { return info_.shape.pixels() * size_of(info_.type); }

  [[nodiscard]] frame_view missing() const {
    frame_view frame = contiguous_frame(info_.shape, info_.type, nullptr);
    frame.split = info_.split;
    frame.present = 0;
    return frame;
  }

  /// The same frame in memory of the batch.
  [[nodiscard]] frame_view copied(frame_view frame, std::byte* to) const {
    const std::size_t band_bytes = frame_bytes() / frame.band_count;
    for (std::size_t band = 0; band < frame.band_count; ++band) {
      if (frame.bands[band] == nullptr) continue;
      std::memcpy(to + band * band_bytes, frame.bands[band], band_bytes);
      frame.bands[band] = to + band * band_bytes;
    }
    return frame;
  }

  source_info info_;
  frame_order order_;
  std::unique_ptr<frame_source> recording_;
};

/// Frames of the files beyond the scan that the files claim.
std::uint64_t frames_left_out(const source_info& info) {
  std::uint64_t frames = 0;
  for (const source_issue& issue : info.issues) {
    if (issue.kind == "more_frames_than_scan") frames += issue.occurrences;
  }
  return frames;
}

/// Frames of the scan that are not whole.
void count_lacking(const frame_source& recording, const frame_order& order, source_info& info) {
  info.missing_frames = order.lacking();
  const source_info& known = recording.info();
  if (known.missing_frames == 0 && known.incomplete_frames == 0) {
    info.incomplete_frames = 0;
    return;
  }
  info.missing_frames = info.incomplete_frames = 0;
  for (std::uint64_t frame = 0; frame < info.scan.frames(); ++frame) {
    if (frame % 4096 == 0) check_stop();
    const std::optional<std::uint64_t> recorded = order.recorded(frame);
    const frame_arrival arrived = recorded ? recording.arrival(*recorded) : frame_arrival::nothing;
    info.missing_frames += arrived == frame_arrival::nothing ? 1 : 0;
    info.incomplete_frames += arrived == frame_arrival::part ? 1 : 0;
  }
}

}  // namespace

std::unique_ptr<frame_source> along_path(const recording_opener& open, const source_options& options) {
  source_options recorded_as = options;
  if (options.scan) {
    const std::uint64_t least = frame_order(with_repeats(*options.scan, 1), options.path, 0).needed();
    recorded_as.wanted = {least, least + options.path.flyback};
  }
  if (options.path.is_plain()) return open(recorded_as);
  recorded_as.scan.reset();
  recorded_as.path = {};
  std::unique_ptr<frame_source> recording = open(recorded_as);
  const scan_shape known = recording->info().scan;
  const axis_lengths lengths = recording->info().lengths;
  if (const std::uint64_t more = frames_left_out(recording->info()); more > 0) {
    recorded_as.scan = scan_shape{1, static_cast<std::uint32_t>(known.frames() + more), 1};
    recording = open(recorded_as);
  }
  source_info info = recording->info();
  info.lengths = lengths;  // of the scan that the files claim, which was opened first
  std::erase_if(info.issues, [](const source_issue& issue) { return issue.kind == "scan_step_not_taken"; });
  const std::filesystem::path& file = info.files.front().path;
  const std::uint64_t recorded = info.scan.frames();
  const scan_shape scan = along(options.path, known, options.scan, file.string());
  check_given_scan(scan);
  const frame_order order(scan, options.path, recorded);
  if (order.lacking() == scan.frames()) {
    throw format_error(
        fmt::format("{}: none of its {} frames is in the scan ({})", file.string(), recorded, words_of(options.path)));
  }
  info.scan = scan;
  info.path = options.path;
  count_lacking(*recording, order, info);
  issue_list issues;
  place_stated_scan(info, file, issues);
  add_misfit(order, file, issues);
  std::ranges::move(issues.take(), std::back_inserter(info.issues));
  return std::make_unique<ordered_source>(std::move(info), order, std::move(recording));
}

}  // namespace countem::io
