#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/flat/flat_source.hpp"
#include "io/sources/hdf5/dectris.hpp"
#include "io/sources/hdf5/dm5.hpp"
#include "io/sources/hdf5/entries.hpp"
#include "io/sources/hdf5/find.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"
#include "io/sources/hdf5/own_files.hpp"
#include "io/sources/hdf5/segments.hpp"
#include "io/sources/hdf5/sentinels.hpp"
#include "io/sources/hdf5/units.hpp"
#include "io/sources/indexed_source.hpp"
#include "io/sources/other_formats.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

class hdf5_source final : public frame_source {
 public:
  hdf5_source(source_info info, stored_type type, bool keep_fractions, std::vector<segment> segments, hdf5_handle file)
      : info_(std::move(info)),
        type_(type),
        keep_fractions_(keep_fractions),
        segments_(std::move(segments)),
        file_(std::move(file)),
        path_(info_.files.front().path.string()) {}

  const source_info& info() const override { return info_; }

  /// What is known when frames can be read, before the source is used.
  void add(std::vector<std::uint8_t> masked, std::vector<source_issue> issues) {
    info_.masked = std::move(masked);
    info_.issues = std::move(issues);
  }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    check_range(info_, first, count);
    batch.first_frame = first;
    batch.frames.clear();
    const std::size_t frame_bytes = info_.shape.pixels() * size_of(info_.type);
    const std::size_t stored_bytes = info_.shape.pixels() * size_of(type_);
    const bool convert = !is_frame_type(type_);
    // Pixels of other types pass through room behind the frames, so that the library's lock is not held while they are
    // converted.
    std::byte* const storage = batch.storage(count * (frame_bytes + (convert ? stored_bytes : 0)));
    std::byte* const stored = convert ? storage + count * frame_bytes : storage;
    for (std::size_t at = 0; at < count;) {
      const std::size_t fetched = fetch(first + at, count - at, stored + at * stored_bytes);
      for (const std::size_t end = at + std::max<std::size_t>(fetched, 1); at < end; ++at) {
        frame_view frame = contiguous_frame(info_.shape, info_.type, storage + at * frame_bytes);
        if (fetched == 0) {
          frame.bands[0] = nullptr;
          frame.present = 0;
        } else if (convert) {
          convert_frame(first + at, stored + at * stored_bytes, storage + at * frame_bytes);
        }
        batch.frames.push_back(frame);
      }
    }
  }

  [[nodiscard]] frame_arrival arrival(std::uint64_t number) const override {
    const segment* const part = segment_of(number);
    return part == nullptr || part->is_lost(number) ? frame_arrival::nothing : frame_arrival::whole;
  }

 private:
  /// The dataset that holds a frame, or null where it is in none.
  [[nodiscard]] const segment* segment_of(std::uint64_t number) const {
    const auto after = std::upper_bound(segments_.begin(), segments_.end(), number,
                                        [](std::uint64_t frame, const segment& part) { return frame < part.first_frame; });
    if (after == segments_.begin()) return nullptr;
    const segment& part = *(after - 1);
    return number - part.first_frame < part.frames ? &part : nullptr;
  }

  /// Reads a frame, and those behind it as far as they are best read together. Returns how many: at most `most`, and 0 where
  /// this frame is missing.
  [[nodiscard]] std::size_t fetch(std::uint64_t number, std::size_t most, std::byte* to) const {
    const segment* const part = segment_of(number);
    if (part == nullptr || part->is_lost(number)) return 0;
    slab box{std::vector<hsize_t>(part->extent.size()), std::vector<hsize_t>(part->extent.size(), 1)};
    box.extent[part->axes.row] = part->extent[part->axes.row];
    box.extent[part->axes.column] = part->extent[part->axes.column];
    std::uint64_t left = number - part->first_frame;
    for (std::size_t at = part->axes.scan.size(); at-- > 0;) {
      const std::size_t axis = part->axes.scan[at];
      box.start[axis] = left % part->extent[axis];
      left /= part->extent[axis];
    }
    if (part->axes.are_usual()) {
      read_box(*part, number, box, to);
      return 1;
    }
    return fetch_turned(*part, number, most, box, to);
  }

  /// Frames whose pixels do not lie row by row: as many along the fastest axis of the scan as stay together, since neighbours
  /// there are neighbours in the file.
  [[nodiscard]] std::size_t fetch_turned(const segment& part, std::uint64_t number, std::size_t most, slab& box,
                                         std::byte* to) const {
    constexpr std::size_t most_bytes = std::size_t{64} << 20;
    const std::size_t frame_bytes = info_.shape.pixels() * size_of(type_);
    std::size_t frames = 1;
    if (!part.axes.scan.empty()) {
      const std::size_t axis = part.axes.scan.back();
      const std::uint64_t in_line = part.extent[axis] - box.start[axis];
      const std::size_t limit = std::max<std::size_t>(most_bytes / frame_bytes, 1);
      const std::size_t wanted = std::min({static_cast<std::uint64_t>(most), in_line, static_cast<std::uint64_t>(limit)});
      while (frames < wanted && !part.is_lost(number + frames)) ++frames;
      box.extent[axis] = frames;
    }
    const std::unique_ptr<std::byte[]> read(new std::byte[frames * frame_bytes]);
    read_box(part, number, box, read.get());
    turn_frames(part.axes, box.extent, size_of(type_), read.get(), to);
    return frames;
  }

  void read_box(const segment& part, std::uint64_t number, const slab& box, std::byte* to) const {
    try {
      read_slab(part.dataset, box, memory_type(type_), to,
                fmt::format("{}: frame {} of dataset {} cannot be read", path_, number, part.path));
    } catch (const hdf5_refusal& problem) {
      throw format_error(std::string(problem.what()) + "; check the file with h5dump");
    }
  }

  void convert_frame(std::uint64_t number, const std::byte* stored, std::byte* pixels) const {
    if (const auto unfit = convert_pixels(type_, stored, info_.shape.pixels(), pixels, keep_fractions_)) {
      throw_unfit(path_, number, info_.shape, type_, *unfit);
    }
  }

  source_info info_;
  stored_type type_;
  bool keep_fractions_;
  std::vector<segment> segments_;
  hdf5_handle file_;
  std::string path_;
};

/// Pixels that no source of a virtual dataset holds.
void mask_gaps(const std::vector<segment>& segments, std::vector<std::uint8_t>& masked, const std::filesystem::path& name,
               issue_list& issues) {
  for (const segment& part : segments) {
    if (part.gaps.empty()) continue;
    masked.resize(part.gaps.size());
    std::ranges::transform(masked, part.gaps, masked.begin(), std::bit_or<>());
    issues.add("unmapped_pixels", name, [&] {
      return fmt::format(
          "no source of dataset {} holds {} of its {} pixels in any frame, as between the modules of a detector: they are "
          "masked",
          part.path, std::ranges::count(part.gaps, std::uint8_t{1}), part.gaps.size());
    });
  }
}

/// Where the pixels of a dataset lie as they are, one after another, in one file: they are then read past the library, by many
/// threads.
std::optional<flat_layout> plain_layout(const segment& part, const array_extent& extent, stored_type type) {
  if (!part.axes.are_usual()) return std::nullopt;
  const hdf5_handle creation(H5Dget_create_plist(part.dataset), part.path);
  if (H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) > 0) return std::nullopt;
  const haddr_t offset = H5Dget_offset(part.dataset);
  if (offset == HADDR_UNDEF) return std::nullopt;  // never written
  const hdf5_handle file_type(H5Dget_type(part.dataset), part.path);
  const bool big_endian = H5Tget_order(file_type) == H5T_ORDER_BE;
  const hdf5_handle expected(H5Tcopy(memory_type(type)), part.path);
  if (size_of(type) > 1) H5Tset_order(expected, big_endian ? H5T_ORDER_BE : H5T_ORDER_LE);
  if (H5Tequal(file_type, expected) <= 0) return std::nullopt;
  flat_layout layout;
  layout.shape = extent.shape;
  layout.type = type;
  layout.big_endian = big_endian;
  layout.offset_bytes = offset;
  layout.more_behind = true;
  layout.claimed = extent.scan;
  return layout;
}

fs::path file_of(hid_t object, const fs::path& otherwise) {
  const ssize_t length = H5Fget_name(object, nullptr, 0);
  if (length <= 0) return otherwise;
  std::string name(static_cast<std::size_t>(length), '\0');
  H5Fget_name(object, name.data(), name.size() + 1);
  return name;
}

std::uint64_t count_missing(const std::vector<segment>& segments, std::uint64_t frames) {
  std::uint64_t missing = frames;
  for (const segment& part : segments) {
    const std::uint64_t end = std::min(part.first_frame + part.frames, frames);
    for (std::uint64_t number = part.first_frame; number < end; ++number) missing -= part.is_lost(number) ? 0 : 1;
  }
  return missing;
}

/// The file itself and those that its links lead to.
std::vector<input_file> files_of(const std::vector<segment>& segments, const input_file& opened) {
  std::vector<input_file> files{opened};
  const auto add = [&](const fs::path& path) {
    std::error_code absent;
    const auto is_known = [&](const input_file& known) { return fs::equivalent(known.path, path, absent); };
    if (fs::exists(path, absent) && std::none_of(files.begin(), files.end(), is_known)) files.push_back(input_now(path));
  };
  for (const segment& part : segments) {
    add(file_of(part.dataset, opened.path));
    for (const fs::path& path : files_behind(part.dataset, part.path)) add(path);
  }
  return files;
}

/// What countem made of frames holds numbers that would pass as frames.
void refuse_own_files(hid_t file, const std::string& name, const source_options& options) {
  const own_file made = what_countem_made(file);
  const bool may_be_wanted = made.kind == own_kind::images && options.image;
  if (made.kind == own_kind::none || may_be_wanted) return;
  throw other_kind_error(
      fmt::format("{}: {}, and raw frames are expected: give the files that the camera wrote", name, made.words));
}

/// Programs may put a block of their own before everything, as MATLAB does: of 512 bytes, or twice or four times that and so
/// on.
bool begins_behind_a_block(const fs::path& path) {
  const auto lock = hdf5_lock();
  return is_hdf5(path);
}

bool is_result(const fs::path& path) {
  const auto lock = hdf5_lock();
  try {
    return what_countem_made(open_hdf5(path)).kind != own_kind::none;
  } catch (const error&) {  // what cannot be opened is reported where it is read
    return false;
  }
}

/// Opens a file, also one that a detector still writes, if it lets others read (SWMR).
hdf5_handle open_file(const fs::path& path, issue_list& issues) {
  try {
    return open_hdf5(path);
  } catch (const not_hdf5&) {
    const std::string bytes = first_bytes(path, source_format::shown_bytes);
    auto other = what_else_begins_so(path, bytes);
    if (!other) other = what_else_reads_so(bytes);
    if (!other) throw;
    throw other_kind_error(fmt::format("{}: {}, and an HDF5 file is expected", path.string(), other->words));
  } catch (const unclosed_hdf5& reason) {
    try {
      hdf5_handle file = open_hdf5(path, hdf5_reading::growing);
      issues.add("growing_file", path, [] { return "is still being written: what it holds by now is read"; });
      return file;
    } catch (const format_error&) {  // its writer is the only one that may have it open
      throw format_error(reason.what());
    }
  }
}

std::unique_ptr<frame_source> open_frames(const std::vector<fs::path>& inputs, const source_options& options,
                                          issue_list issues) {
  const auto lock = hdf5_lock();
  const fs::path& path = inputs.front();
  const std::string name = path.string();
  const input_file opened = input_now(path);
  hdf5_handle file = open_file(path, issues);
  if (options.dataset.empty()) refuse_own_files(file, name, options);

  const std::string image = options.image && options.dataset.empty() ? find_image_dataset(file, *options.image, name) : "";
  const frame_datasets found = image.empty() ? find_frame_datasets(file, options.dataset, name, options.image)
                                             : frame_datasets{{fmt::format("/{}", image)}};
  segments_of_scan opened_scan = open_segments(file, found, options, path, issues);
  std::vector<segment>& segments = opened_scan.there;
  check_segments_alike(segments, name);
  const segment& first = segments.front();
  const std::string what = name + ": dataset " + first.path;
  array_extent extent = extent_of_array(first.axes.usual(first.extent), what);
  const stored_type type = type_of(first.dataset, what);
  if (is_dm5_image(first.path)) check_dm5_image(file, first.path, first.dataset, path, issues);
  source_info info;
  info.dataset = first.path;
  info.axes = first.axes.names();
  info.masked = masked_pixels(file, first.path, extent.shape, path, issues);
  mask_gaps(segments, info.masked, path, issues);
  if (!first.axes.writer.empty()) {
    issues.add("axes_of_writer", path,
               [&] { return fmt::format("dataset {} has the axes of {}: ({})", first.path, first.axes.writer, info.axes); });
  }
  if (!options.image) info.lengths = stated_lengths(file, first, path, issues);
  const std::uint64_t end = opened_scan.frames;
  if (end > first.frames) extent.scan = {1, static_cast<std::uint32_t>(end), 1};
  if (const auto scan = scan_of_master(path); scan && scan->frames() == end) extent.scan = *scan;
  const bool marks_by_value = !options.image && is_of_dectris(file);
  if (end == first.frames && !marks_by_value) {
    if (auto layout = plain_layout(first, extent, type)) {
      layout->known = std::move(info);
      return open_flat(file_handle::open_read(file_of(first.dataset, path)), dense_hdf5().facts.format, *layout, options,
                       std::move(issues));
    }
  }

  info.format = dense_hdf5().facts.format;
  info.shape = extent.shape;
  info.type = frame_type(type);
  info.scan = scan_of_sequence(end, extent.scan, options.scan, path, issues);
  info.stated_scan = extent.scan;
  place_stated_scan(info, path, issues);
  info.missing_frames = count_missing(segments, info.scan.frames());
  if (info.missing_frames == info.scan.frames() && !options.image) {
    throw format_error(fmt::format("{}: of {} frames not one is there{}", what, info.scan.frames(), reasons_of(issues.take())));
  }
  info.files = files_of(segments, opened);
  std::vector<std::uint8_t> masked = std::move(info.masked);
  auto source =
      std::make_unique<hdf5_source>(std::move(info), type, options.keep_fractions, std::move(segments), std::move(file));
  if (const std::size_t more = marks_by_value ? mark_sentinels(*source, masked) : 0; more != 0) {
    issues.add("sentinel_pixels", path, [&] {
      return fmt::format(
          "{} pixels hold one of the two greatest numbers of their type in all sampled frames, by which the "
          "detector marks pixels that do not count: they are masked",
          more);
    });
  }
  source->add(std::move(masked), issues.take());
  return source;
}

std::unique_ptr<frame_source> open_scan(const std::vector<fs::path>& inputs, const source_options& options, issue_list issues) {
  return naming(inputs.front(), [&] { return open_frames(inputs, options, std::move(issues)); });
}

}  // namespace

const source_format& dense_hdf5() {
  static const source_format entry{.facts = {.format = input_format("hdf5"),
                                             .suffixes = {".h5", ".hdf5", ".emd", ".hdf", ".nxs", ".dm5"},
                                             .has_datasets = true,
                                             .has_axes = true},
                                   .assumed_by_suffix = true,
                                   .begins = [](std::string_view bytes) { return bytes.starts_with("\x89HDF\r\n\x1a\n"); },
                                   .begins_later = begins_behind_a_block,
                                   .is_result = is_result,
                                   .open = open_scan};
  return entry;
}

}  // namespace countem::io
