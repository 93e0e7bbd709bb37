#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/files/file.hpp"
#include "io/sources/camera/camera_source.hpp"
#include "io/sources/camera/format.hpp"
#include "io/sources/camera/records.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/sources.hpp"

// 4D Camera versions 1 and 2: blocks of whole u16 frames.
// v1: a block begins with 1024 u32: [0] images in the block, [1] rows, [2] columns, [3] version, [4] timestamp, [5..9]
// reserved,
//     [10...] image numbers from 1. v2: a block is one u32 without meaning and 1600 frames of 576 x 576, numbered from 0.
namespace countem::io {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t v1_header_words = 1024;
constexpr std::size_t v1_first_number = 10;
constexpr std::size_t v1_header_bytes = v1_header_words * sizeof(std::uint32_t);
constexpr std::uint64_t v2_header_bytes = 4;
constexpr std::uint64_t v2_block_frames = 1600;

/// The error of a file that is not of the version which was named; another that fits is advised.
[[noreturn]] void throw_wrong_version(const fs::path& path, const std::string& what) {
  if (const auto other = guess_camera_version({path})) {
    throw format_error(fmt::format("{}: {}; it reads well as {}", path.string(), what, to_string(*other)),
                       {{advice_kind::input_format, std::string(to_string(*other))}});
  }
  throw format_error(fmt::format("{}: {}; check that it is 4D Camera raw data of this version", path.string(), what));
}

/// A frame that was found: its number in the sequence and its place.
struct found_frame {
  std::uint64_t number = 0;
  std::uint64_t place = 0;
  bool cut_short = false;
};

class block_indexer {
 public:
  block_indexer(const input_format& format, issue_list& issues) : format_(format), issues_(issues) {}

  void add_file(const fs::path& path) {
    files_.push_back(file_handle::open_read(path));
    if (format_ == camera::v1) {
      add_v1_blocks();
    } else {
      add_v2_blocks();
    }
  }

  std::unique_ptr<frame_source> finish(const source_options& options) {
    const std::optional<scan_shape>& given = options.scan;
    const fs::path& path = files_.front().path();
    // Of several frames with one number the first whole one is kept: files are in order, and so are the frames in each.
    std::stable_sort(found_.begin(), found_.end(), [](const found_frame& a, const found_frame& b) {
      return std::pair(a.number, a.cut_short) < std::pair(b.number, b.cut_short);
    });
    const bool any_whole = std::any_of(found_.begin(), found_.end(), [](const found_frame& frame) { return !frame.cut_short; });
    if (!any_whole) throw_wrong_version(path, fmt::format("holds not one whole frame of format {}", to_string(format_)));

    source_info info;
    info.format = format_;
    info.shape = shape_;
    info.scan = given ? with_repeats(*given, 1) : scan_shape{1, line_length(), 1};
    if (!given) check_claimed_scan(info.scan, found_.size(), path);
    frame_index index = build_index(info.scan);
    const auto arrived = static_cast<std::uint64_t>(
        std::count_if(index.parts.begin(), index.parts.end(), [](std::uint64_t part) { return part != frame_index::missing; }));
    info.missing_frames = info.scan.frames() - arrived;
    issues_.add(
        "missing_frame", path,
        [&] {
          return fmt::format("of the scan's {} frames, {} are in none of the files", info.scan.frames(), info.missing_frames);
        },
        info.missing_frames);
    for (const file_handle& file : files_) info.files.push_back(file.opened());
    info.issues = issues_.take();
    return make_indexed_source(std::move(info), std::move(files_), std::move(index), options.in_place);
  }

 private:
  [[nodiscard]] const fs::path& path() const { return files_.back().path(); }
  [[nodiscard]] std::uint64_t frame_bytes() const { return shape_.pixels() * sizeof(std::uint16_t); }

  /// As many frames as the highest image number of a whole frame asks for.
  [[nodiscard]] std::uint32_t line_length() const {
    std::uint64_t length = 0;
    for (const found_frame& frame : found_) {
      if (!frame.cut_short && frame.number != outside_every_scan) length = std::max(length, frame.number + 1);
    }
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(length, 0xffff'ffff));
  }

  /// Takes the frames of one block that the file is long enough for; the one that is cut short is marked. Returns false at the
  /// end.
  bool take_frames(std::uint64_t offset, std::uint64_t bytes, const std::vector<std::uint64_t>& numbers) {
    for (const std::uint64_t number : numbers) {
      const std::uint64_t left = bytes - std::min(bytes, offset);
      if (left < frame_bytes()) {
        issues_.add("truncated_record", path(), [&] {
          return fmt::format("image {} (byte {}) is cut short: {} of {} bytes; the complete ones before it are kept", number,
                             offset, left, frame_bytes());
        });
        found_.push_back({number, frame_index::missing, true});
        return false;
      }
      found_.push_back({number, frame_index::place(files_.size() - 1, offset), false});
      offset += frame_bytes();
    }
    return true;
  }

  void add_v1_blocks() {
    const std::uint64_t bytes = files_.back().size();
    for (std::uint64_t offset = 0; offset < bytes;) {
      check_stop();
      std::array<std::uint32_t, v1_header_words> header{};
      if (files_.back().read_at(offset, header.data(), v1_header_bytes) != v1_header_bytes) {
        issues_.add("truncated_header", path(), [&] {
          return fmt::format("the block header at byte {} is cut short: {} of {} bytes; the blocks before it are kept", offset,
                             bytes - offset, v1_header_bytes);
        });
        return;
      }
      const std::uint32_t images = header[0];
      const std::uint32_t rows = header[1];
      const std::uint32_t columns = header[2];
      const std::uint32_t version = header[3];
      const frame_shape shape{rows, columns};
      const bool sound = version == 1 && images > 0 && images <= v1_header_words - v1_first_number && shape.pixels() > 0 &&
                         shape.pixels() <= max_pixels && (found_.empty() || shape == shape_);
      if (!sound) {
        const std::string what = fmt::format("the block header at byte {} claims version {}, {} images of {} x {} pixels",
                                             offset, version, images, rows, columns);
        if (offset == 0) throw_wrong_version(path(), what + ", which is not format v1");
        issues_.add("damaged_header", path(), [&] { return what + "; the rest of the file is left out"; });
        return;
      }
      shape_ = shape;
      std::vector<std::uint64_t> numbers;
      for (std::size_t image = 0; image < images; ++image) numbers.push_back(image_number(header[v1_first_number + image]));
      if (!take_frames(offset + v1_header_bytes, bytes, numbers)) return;
      offset += v1_header_bytes + images * frame_bytes();
    }
  }

  /// From 1 in the file to 0 here; number 0 is outside every scan.
  static std::uint64_t image_number(std::uint32_t in_file) { return in_file == 0 ? outside_every_scan : in_file - 1; }

  void add_v2_blocks() {
    shape_ = camera_frame;
    const std::uint64_t bytes = files_.back().size();
    const std::uint64_t block_bytes = v2_header_bytes + v2_block_frames * frame_bytes();
    if (bytes % block_bytes != 0 && guess_camera_version({path()})) {
      throw_wrong_version(path(), fmt::format("its {} bytes are not whole blocks of format v2 ({} bytes)", bytes, block_bytes));
    }
    for (std::uint64_t offset = 0; offset < bytes; offset += block_bytes) {
      check_stop();
      std::vector<std::uint64_t> numbers;
      for (std::uint64_t image = 0; image < v2_block_frames; ++image) numbers.push_back(v2_frames_before_++);
      if (!take_frames(offset + v2_header_bytes, bytes, numbers)) return;
    }
  }

  frame_index build_index(const scan_shape& scan) {
    frame_index index;
    for (const found_frame& frame : found_) {
      const fs::path& file = frame.cut_short ? files_.front().path() : files_[frame_index::file_of(frame.place)].path();
      if (frame.number >= scan.frames()) {
        issues_.add("position_outside_scan", file, [&] {
          return frame.number == outside_every_scan
                     ? std::string("holds an image with number 0, they count from 1; left out")
                     : fmt::format(
                           "image {} (counted from 0) is outside the scan of {} x {} positions (width x height); left out",
                           frame.number, scan.width, scan.height);
        });
      } else if (!index.frames.empty() && index.frames.back() == frame.number) {
        if (!frame.cut_short) {
          issues_.add("repeated_record", file,
                      [&] { return fmt::format("repeats image {} (counted from 0); the first is kept", frame.number); });
        }
      } else {
        index.frames.push_back(static_cast<std::uint32_t>(frame.number));
        index.parts.push_back(frame.place);
        if (frame.cut_short) index.truncated.push_back(index.frames.back());
      }
    }
    return index;
  }

  static constexpr std::uint64_t outside_every_scan = ~std::uint64_t{0};

  input_format format_;
  issue_list& issues_;
  frame_shape shape_{};
  std::vector<file_handle> files_;
  std::vector<found_frame> found_;
  std::uint64_t v2_frames_before_ = 0;
};

}  // namespace

std::unique_ptr<frame_source> open_camera_blocks(const std::vector<fs::path>& files, const input_format& format,
                                                 const source_options& options, issue_list issues) {
  block_indexer indexer(format, issues);
  std::vector<fs::path> sorted = files;
  std::sort(sorted.begin(), sorted.end());
  for (const fs::path& path : sorted) indexer.add_file(path);
  return indexer.finish(options);
}

}  // namespace countem::io
