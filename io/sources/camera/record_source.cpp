#include <fcntl.h>
#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_sort.h>

#include <algorithm>
#include <array>
#include <tuple>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/sources/camera/format.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// The headers of one file. A last record that is cut short after its header is the last of `headers`.
struct record_file {
  file_handle file;
  std::uint64_t bytes = 0;
  std::uint32_t module = 0;
  std::uint64_t complete = 0;    ///< records that lie wholly in the file
  std::uint64_t tail_bytes = 0;  ///< behind the last complete record
  std::vector<camera_header> headers;

  [[nodiscard]] const fs::path& path() const { return file.path(); }
};

/// What all records of one scan have in common.
struct scan_identity {
  std::uint32_t scan_number = 0;
  std::uint16_t width = 0;
  std::uint16_t height = 0;

  friend bool operator==(const scan_identity&, const scan_identity&) = default;
};

scan_identity identity_of(const camera_header& header) {
  return {header.scan_number, header.scan_width, header.scan_height};
}

/// A record that was never written: the camera's files may be laid out in advance.
bool is_blank(const camera_header& header) {
  return header == camera_header{};
}

std::string where(std::uint64_t record, const camera_layout& layout) {
  return fmt::format("record {} (byte {})", record, record * layout.record_bytes());
}

/// Reads the headers of a file's records, or of the first `most` of them; 16 bytes of each are touched, nothing else.
record_file read_headers(const fs::path& path, const camera_layout& layout, std::uint64_t most = ~std::uint64_t{0}) {
  record_file found;
  found.file = file_handle::open_read(path);
  found.bytes = found.file.size();
  if (found.bytes > frame_index::max_offset) throw format_error(path.string() + ": is larger than 2^48 bytes");
  found.complete = found.bytes / layout.record_bytes();
  found.tail_bytes = found.bytes % layout.record_bytes();
  found.headers.resize(std::min(most, found.complete + (found.tail_bytes >= camera_header_bytes ? 1 : 0)));

  // Read-ahead would drag the pixels through memory for 16 bytes each.
  ::posix_fadvise(found.file.descriptor(), 0, 0, POSIX_FADV_RANDOM);
  const tbb::blocked_range<std::size_t> all(0, found.headers.size(), 1024);
  tbb::parallel_for(all, [&](const tbb::blocked_range<std::size_t>& range) {
    for (std::size_t record = range.begin(); record != range.end(); ++record) {
      camera_header_image image{};
      if (found.file.read_at(record * layout.record_bytes(), image.data(), image.size()) != image.size()) {
        throw io_error(fmt::format("{}: became shorter while the header of {} was read", path.string(), where(record, layout)));
      }
      found.headers[record] = decode(image);
    }
  });
  ::posix_fadvise(found.file.descriptor(), 0, 0, POSIX_FADV_NORMAL);
  return found;
}

/// The value that more than half of `values` have, if there is one (Boyer and Moore's vote); else one of the values.
template <class Value>
Value majority(const std::vector<Value>& values) {
  Value leader{};
  std::size_t lead = 0;
  for (const Value& value : values) {
    if (lead == 0) leader = value;
    lead = leader == value ? lead + 1 : lead - 1;
  }
  return leader;
}

std::vector<scan_identity> identities(const record_file& file) {
  std::vector<scan_identity> found;
  for (const camera_header& header : file.headers) {
    if (!is_blank(header)) found.push_back(identity_of(header));
  }
  return found;
}

/// The scan that the records of a file name: more than half of them, or half of them where the file is a whole number of
/// records. With a wrong record length, headers are pixels and name none.
std::optional<scan_identity> agreed_scan(const record_file& file) {
  const std::vector<scan_identity> found = identities(file);
  const scan_identity leader = majority(found);
  const auto agreeing = static_cast<std::size_t>(std::count(found.begin(), found.end(), leader));
  if (agreeing == 0 || 2 * agreeing < found.size() || (2 * agreeing == found.size() && file.tail_bytes != 0))
    return std::nullopt;
  return leader;
}

bool fits(const fs::path& path, input_format format) {
  const camera_layout layout = layout_of(format);
  const file_handle file = file_handle::open_read(path);
  if (file.size() < layout.record_bytes()) return false;
  constexpr std::uint64_t enough = 256;  // records, to tell headers from pixels
  const std::optional<scan_identity> agreed = agreed_scan(read_headers(path, layout, enough));
  return agreed && agreed->width > 0 && agreed->height > 0;
}

/// The sentence for a file whose headers make no sense at this record length.
[[noreturn]] void throw_wrong_version(const fs::path& path, input_format named) {
  std::string advice = "it fits no version from v3 to v5: check that it is a 4D Camera dump";
  for (const input_format other : {input_format::v5, input_format::v3}) {
    if (layout_of(other).record_bytes() == layout_of(named).record_bytes() || !fits(path, other)) continue;
    advice = other == input_format::v3 ? "it reads well as v3: give --input-format v3"
                                       : "it reads well as v5 or v4: give --input-format v5";
    break;
  }
  throw format_error(fmt::format("{}: the headers found every {} bytes, as {} records have them, do not agree on a scan; {}",
                                 path.string(), layout_of(named).record_bytes(), to_string(named), advice));
}

std::uint32_t module_of(const fs::path& path, const camera_layout& layout) {
  if (layout.sectors == 1) return 0;
  const std::optional<std::uint32_t> module = module_in_name(path);
  if (!module || *module >= layout.sectors) {
    const std::string problem = module ? fmt::format("its name says module {}, the camera has modules 0 to 3", *module)
                                       : std::string("its name does not say which module (sector) it holds");
    const std::string advice = fits(path, input_format::v3) ? "; it reads well as v3: give --input-format v3"
                                                            : "; a name like data_scan0000000001_id0000_module0_raw.data does";
    throw format_error(fmt::format("{}: {}{}", path.string(), problem, advice));
  }
  return *module;
}

/// Opens the files, in an order that does not depend on how they were given, and checks that they are of one version and scan.
std::vector<record_file> open_files(std::vector<fs::path> paths, const camera_layout& layout) {
  std::sort(paths.begin(), paths.end());
  std::vector<record_file> files;
  for (const fs::path& path : paths) {
    const std::uint32_t module = module_of(path, layout);
    files.push_back(read_headers(path, layout));
    files.back().module = module;
  }
  return files;
}

/// Scan number and size that most records name.
scan_identity identity_of(const std::vector<record_file>& files, const camera_layout& layout) {
  std::vector<scan_identity> all;
  const record_file* first = nullptr;
  std::uint32_t first_number = 0;
  for (const record_file& file : files) {
    const std::vector<scan_identity> found = identities(file);
    if (found.empty()) continue;
    const std::optional<scan_identity> agreed = agreed_scan(file);
    if (!agreed) throw_wrong_version(file.path(), layout.format);
    if (first == nullptr) {
      first = &file;
      first_number = agreed->scan_number;
    } else if (agreed->scan_number != first_number) {
      throw format_error(fmt::format("{} holds scan {} but {} holds scan {}: give the files of one scan",
                                     first->path().string(), first_number, file.path().string(), agreed->scan_number));
    }
    all.insert(all.end(), found.begin(), found.end());
  }
  if (all.empty()) {
    throw format_error(fmt::format("{}: holds no {} record header (a record is {} bytes, the file has {})",
                                   files.front().path().string(), to_string(layout.format), layout.record_bytes(),
                                   files.front().bytes));
  }
  return majority(all);
}

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
  record_indexer(const std::vector<record_file>& files, const camera_layout& layout, scan_identity identity,
                 const source_options& options, issue_list& issues)
      : files_(files), layout_(layout), identity_(identity), issues_(issues) {
    scan_ = options.scan ? *options.scan : scan_shape{identity.height, identity.width, 1};
    scan_given_ = options.scan.has_value();
    if (scan_.positions() == 0) {
      throw format_error(
          fmt::format("{}: its headers claim a scan of {} x {} positions (width x height): give the true one with --scan WxH",
                      files.front().path().string(), identity.width, identity.height));
    }
    for (std::size_t file = 0; file < files.size(); ++file) collect(file);
    tbb::parallel_sort(entries_.begin(), entries_.end());
    count_repeats_of_position();
    check_scan();
  }

  [[nodiscard]] scan_shape scan() const { return scan_; }

  [[nodiscard]] frame_index build() {
    frame_index index;
    for (auto first = entries_.begin(); first != entries_.end();) {
      const auto last = std::find_if_not(first, entries_.end(), [&](const entry& other) { return other.same_frame(*first); });
      add_frame(first, last, index);
      first = last;
    }
    return index;
  }

 private:
  using entry_iterator = std::vector<entry>::const_iterator;

  /// The usable records of one file; the others become issues.
  void collect(std::size_t number) {
    const record_file& file = files_[number];
    report_tail(file);
    for (std::uint64_t record = 0; record < file.headers.size(); ++record) {
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
      throw format_error(fmt::format(
          "{}: no record has a position inside the scan of {} x {} positions (width x height): check --scan and --input-format",
          files_.front().path().string(), scan_.width, scan_.height));
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
  bool scan_given_ = false;
  std::vector<entry> entries_;
};

/// Frames of which no sector arrived.
std::uint64_t count_missing(const frame_index& index, std::size_t parts, std::uint64_t frames) {
  std::uint64_t arrived = 0;
  for (std::size_t at = 0; at < index.parts.size(); at += parts) {
    const auto frame = index.parts.begin() + static_cast<std::ptrdiff_t>(at);
    if (std::any_of(frame, frame + static_cast<std::ptrdiff_t>(parts),
                    [](std::uint64_t part) { return part != frame_index::missing; }))
      ++arrived;
  }
  return frames - arrived;
}

}  // namespace

std::optional<input_format> guess_camera_version(const std::vector<fs::path>& files) {
  for (const input_format format : {input_format::v5, input_format::v3}) {
    if (std::all_of(files.begin(), files.end(), [&](const fs::path& path) { return fits(path, format); })) return format;
  }
  return std::nullopt;
}

std::unique_ptr<frame_source> open_camera_records(const std::vector<fs::path>& paths, input_format format,
                                                  const source_options& options, issue_list issues) {
  const camera_layout layout = layout_of(format);
  if (paths.size() > frame_index::max_files)
    throw invalid_argument(fmt::format("{} files are more than one scan may have (65535)", paths.size()));
  std::vector<record_file> files = open_files(paths, layout);

  source_info info;
  info.format = format;
  info.shape = camera_frame;
  info.split = layout.split;
  record_indexer indexer(files, layout, identity_of(files, layout), options, issues);
  info.scan = indexer.scan();
  frame_index index = indexer.build();
  info.missing_frames = count_missing(index, layout.sectors, info.scan.frames());
  if (info.missing_frames == info.scan.frames()) {
    throw format_error(fmt::format("{}: holds not one whole {} record: a record is {} bytes, the file has {}",
                                   files.front().path().string(), to_string(format), layout.record_bytes(),
                                   files.front().bytes));
  }
  if (info.missing_frames > 0) {
    issues.add(
        "missing_frame", files.front().path(),
        [&] {
          return fmt::format("of the scan's {} frames, {} are in none of the files", info.scan.frames(), info.missing_frames);
        },
        info.missing_frames);
  }

  std::vector<file_handle> handles;
  for (record_file& file : files) {
    info.files.push_back({file.path(), file.bytes});
    handles.push_back(std::move(file.file));
  }
  info.issues = issues.take();
  return make_indexed_source(std::move(info), std::move(handles), std::move(index), options.in_place);
}

}  // namespace countem::io
