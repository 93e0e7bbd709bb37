#include "io/sources/camera/record_index.hpp"

#include <fmt/format.h>
#include <tbb/parallel_sort.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// One record, sorted into scan order.
struct entry {
  std::uint32_t position = 0;
  std::uint32_t frame_number = 0;
  std::uint16_t file = 0;
  std::uint8_t sector = 0;
  bool cut_short = false;
  std::uint64_t record = 0;

  [[nodiscard]] auto order() const { return std::tie(position, frame_number, sector, cut_short, file, record); }
  [[nodiscard]] bool same_frame(const entry& other) const {
    return position == other.position && frame_number == other.frame_number;
  }
  friend bool operator<(const entry& a, const entry& b) { return a.order() < b.order(); }
};

class record_indexer {
 public:
  record_indexer(const std::vector<record_file>& files, const camera_layout& layout, const scan_identity& identity,
                 const source_options& options, issue_list& issues)
      : files_(files), layout_(layout), identity_(identity), issues_(issues) {
    scan_ = options.scan ? with_repeats(*options.scan, 1) : scan_shape{identity.height, identity.width, 1};
    scan_given_ = options.scan.has_value();
    repeats_given_ = options.scan && options.scan->frames_per_position != 0;
    if (scan_.positions() == 0) {
      throw format_error(fmt::format("{}: its headers claim a scan of {} x {} positions (width x height)",
                                     files.front().path().string(), identity.width, identity.height),
                         {{advice_kind::scan_size}});
    }
    for (std::size_t file = 0; file < files.size(); ++file) collect(file);
    tbb::parallel_sort(entries_.begin(), entries_.end());
    if (repeats_given_) leave_out_further_frames();
    count_repeats_of_position();
    check_scan();
  }

  [[nodiscard]] scan_shape scan() const { return scan_; }

  [[nodiscard]] frame_index build() {
    frame_index index;
    for (auto first = entries_.begin(); first != entries_.end();) {
      if (index.frames.size() % between_looks == 0) check_stop();
      const auto last = std::find_if_not(first, entries_.end(), [&](const entry& other) { return other.same_frame(*first); });
      add_frame(first, last, index);
      first = last;
    }
    return index;
  }

 private:
  using entry_iterator = std::vector<entry>::const_iterator;
  static constexpr std::size_t between_looks = 65536;  // records or frames, at the request to stop

  /// The usable records of one file; the others become issues.
  void collect(std::size_t number) {
    const record_file& file = files_[number];
    report_tail(file);
    for (std::uint64_t record = 0; record < file.headers.size(); ++record) {
      if (record % between_looks == 0) check_stop();
      const camera_header& header = file.headers[record];
      if (is_blank(header)) {
        issues_.add("empty_record", file.path(),
                    [&] { return where(record, layout_) + " was never written: its header is all zeros; left out"; });
      } else if (header.scan_number != identity_.scan_number) {
        issues_.add("other_scan", file.path(), [&] {
          return fmt::format("{} is of scan {}, the others of scan {}; left out", where(record, layout_), header.scan_number,
                             identity_.scan_number);
        });
      } else if (header.x >= scan_.width || header.y >= scan_.height) {
        issues_.add("position_outside_scan", file.path(), [&] {
          return fmt::format(
              "{} (frame number {}) is at column {}, row {}, outside the scan of {} x {} positions (width x height); left out",
              where(record, layout_), header.frame_number, header.x, header.y, scan_.width, scan_.height);
        });
      } else {
        if (identity_of(header) != identity_) report_disagreement(file, record);
        const auto position = static_cast<std::uint32_t>(std::uint64_t{header.y} * scan_.width + header.x);
        entries_.push_back({position, header.frame_number, static_cast<std::uint16_t>(number),
                            static_cast<std::uint8_t>(file.module), record >= file.complete, record});
      }
    }
  }

  void report_tail(const record_file& file) {
    if (file.tail_bytes == 0) return;
    const bool header = file.tail_bytes >= camera_header_bytes;
    issues_.add(header ? "truncated_record" : "truncated_header", file.path(), [&] {
      return fmt::format("{} is cut short{}: {} of {} bytes; the {} complete records before it are kept",
                         where(file.complete, layout_), header ? "" : " within its header", file.tail_bytes,
                         layout_.record_bytes(), file.complete);
    });
  }

  void report_disagreement(const record_file& file, std::uint64_t record) {
    issues_.add("header_disagrees", file.path(), [&] {
      const camera_header& header = file.headers[record];
      return fmt::format(
          "{} claims a scan of {} x {} positions, the others {} x {} (width x height); used at its position (column {}, row "
          "{})",
          where(record, layout_), header.scan_width, header.scan_height, identity_.width, identity_.height, header.x, header.y);
    });
  }

  /// Of more frames at a position than were given those of the highest numbers.
  void leave_out_further_frames() {
    std::uint64_t kept = 0;
    std::uint32_t frames_here = 0;
    std::optional<entry> before;
    for (const entry& one : entries_) {
      const bool same_position = before && one.position == before->position;
      const bool same_frame = before && one.same_frame(*before);
      if (!same_frame) frames_here = same_position ? frames_here + 1 : 1;
      before = one;
      if (frames_here <= scan_.frames_per_position) {
        entries_[kept++] = one;
      } else if (!same_frame) {
        issues_.add("frame_outside_scan", files_[one.file].path(), [&] {
          return fmt::format("{} is a further frame (number {}) at column {}, row {}, and {} there {} given; left out",
                             where(one.record, layout_), one.frame_number, one.position % scan_.width,
                             one.position / scan_.width, scan_.frames_per_position,
                             scan_.frames_per_position == 1 ? "was" : "were");
        });
      }
    }
    entries_.resize(kept);
  }

  /// Several frames at one position are kept apart; the position with the most sets how many every position has.
  void count_repeats_of_position() {
    std::uint32_t frames_here = 0;
    for (std::size_t at = 0; at < entries_.size(); ++at) {
      const bool same_position = at > 0 && entries_[at].position == entries_[at - 1].position;
      if (same_position && entries_[at].same_frame(entries_[at - 1])) continue;
      frames_here = same_position ? frames_here + 1 : 1;
      if (same_position) {
        const entry& second = entries_[at];
        issues_.add("several_frames_per_position", files_[second.file].path(), [&] {
          return fmt::format(
              "{} is a further frame (number {}) at column {}, row {}; frames of one position are kept apart, in the order of "
              "their numbers",
              where(second.record, layout_), second.frame_number, second.position % scan_.width, second.position / scan_.width);
        });
      }
      scan_.frames_per_position = std::max(scan_.frames_per_position, frames_here);
    }
  }

  void check_scan() const {
    if (entries_.empty()) {
      throw format_error(fmt::format("{}: no record has a position inside the scan of {} x {} positions (width x height)",
                                     files_.front().path().string(), scan_.width, scan_.height),
                         {{advice_kind::check_input}});
    }
    if (scan_given_) {
      check_given_scan(scan_);
    } else {
      check_claimed_scan(scan_, entries_.size() / layout_.sectors, files_.front().path());
    }
  }

  void add_frame(entry_iterator first, entry_iterator last, frame_index& index) {
    const std::uint64_t position_start = std::uint64_t{first->position} * scan_.frames_per_position;
    const bool further = !index.frames.empty() && index.frames.back() >= position_start;
    index.frames.push_back(static_cast<std::uint32_t>(further ? index.frames.back() + 1 : position_start));
    const std::size_t parts = index.parts.size();
    index.parts.resize(parts + layout_.sectors, frame_index::missing);
    for (; first != last; ++first) {
      std::uint64_t& part = index.parts[parts + (layout_.sectors == 1 ? 0 : first->sector)];
      if (part != frame_index::missing) {
        if (!first->cut_short) report_repeat(*first);
      } else if (first->cut_short) {
        if (index.truncated.empty() || index.truncated.back() != index.frames.back())
          index.truncated.push_back(index.frames.back());
      } else {
        part = frame_index::place(first->file, first->record * layout_.record_bytes() + camera_header_bytes);
      }
    }
    for (std::uint32_t sector = 0; sector < layout_.sectors; ++sector) {
      if (index.parts[parts + sector] == frame_index::missing) report_missing(sector, *(last - 1));
    }
  }

  void report_repeat(const entry& again) {
    issues_.add("repeated_record", files_[again.file].path(), [&] {
      return fmt::format("{} repeats frame number {} at column {}, row {}; the first is kept", where(again.record, layout_),
                         again.frame_number, again.position % scan_.width, again.position / scan_.width);
    });
  }

  void report_missing(std::uint32_t sector, const entry& frame) {
    if (layout_.sectors == 1) return;  // a frame that was cut short is reported as such
    const auto holder =
        std::find_if(files_.begin(), files_.end(), [&](const record_file& file) { return file.module == sector; });
    const bool no_file = holder == files_.end();
    const fs::path file =
        no_file ? files_[frame.file].path().parent_path() / fmt::format("(module {})", sector) : holder->path();
    issues_.add("missing_sector", file, [&] {
      return fmt::format("{}, so frame number {} at column {}, row {} lacks sector {}; its pixels are never hits",
                         no_file ? "no file of this module was given" : "the record is not there", frame.frame_number,
                         frame.position % scan_.width, frame.position / scan_.width, sector);
    });
  }

  const std::vector<record_file>& files_;
  const camera_layout& layout_;
  scan_identity identity_;
  issue_list& issues_;
  scan_shape scan_{};
  bool repeats_given_ = false;
  bool scan_given_ = false;
  std::vector<entry> entries_;
};

}  // namespace

record_index index_records(const std::vector<record_file>& files, const camera_layout& layout, const scan_identity& identity,
                           const source_options& options, issue_list& issues) {
  record_indexer indexer(files, layout, identity, options, issues);
  frame_index frames = indexer.build();
  return {indexer.scan(), std::move(frames)};
}

}  // namespace countem::io
