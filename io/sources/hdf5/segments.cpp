#include "io/sources/hdf5/segments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <span>
#include <utility>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/dectris.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"
#include "io/sources/hdf5/placement.hpp"
#include "io/sources/hdf5/unmapped.hpp"
#include "io/sources/hdf5/unwritten.hpp"
#include "io/sources/hdf5/virtual_parts.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace fs = std::filesystem;

namespace {

/// The number of the image that a dataset of DECTRIS begins with.
std::optional<std::uint64_t> first_image(hid_t dataset) {
  const auto number = find_number_attribute(dataset, "image_nr_low");
  if (!number) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(*number, 0));
}

/// The number at the end of a dataset's name.
std::uint64_t number_of(const std::string& path) {
  constexpr std::size_t most_digits = 9;
  std::size_t digits = 0;
  while (digits < std::min(path.size(), most_digits) &&
         std::isdigit(static_cast<unsigned char>(path[path.size() - digits - 1])) != 0)
    ++digits;
  return digits == 0 ? 0 : std::stoull(path.substr(path.size() - digits));
}

std::string words_of(const fs::path& file, const std::string& dataset) {
  return file.string() + ": dataset " + dataset;
}

std::string target_of(hid_t file, const std::string& path) {
  H5L_info_t facts{};
  if (H5Lget_info(file, path.c_str(), &facts, H5P_DEFAULT) < 0 || facts.type != H5L_TYPE_EXTERNAL) return "another object";
  std::vector<char> value(facts.u.val_size + 1);
  const char* target = nullptr;
  const char* object = nullptr;
  if (H5Lget_val(file, path.c_str(), value.data(), facts.u.val_size, H5P_DEFAULT) < 0) return "another file";
  if (H5Lunpack_elink_val(value.data(), facts.u.val_size, nullptr, &target, &object) < 0) return "another file";
  return target;
}

/// An extent is only a claim; what it makes us allocate must be in proportion to what is stored, packed as it may be.
void check_claims(hid_t dataset, const array_extent& extent, const fs::path& name, const std::string& what) {
  constexpr std::uint64_t always_believed = std::uint64_t{1} << 28;
  constexpr std::uint64_t best_packing = 1032;  // of deflate
  const std::uint64_t stored = stored_bytes(dataset, what);
  if (stored == 0) throw format_error(what + ": was never written");
  check_claimed_scan(extent.scan, stored, name);
  const std::uint64_t frame_bytes = extent.shape.pixels() * size_of(type_of(dataset, what));
  if (frame_bytes > always_believed && frame_bytes / best_packing > stored) {
    throw format_error(fmt::format("{}: claims frames of {} x {} pixels but stores only {} bytes", what, extent.shape.height,
                                   extent.shape.width, stored));
  }
}

/// Marks the frames of a dataset that have elements in a box.
void mark(segment& part, std::span<const hsize_t> first, std::span<const hsize_t> end) {
  part.lost.resize(part.frames);
  std::vector<hsize_t> at;
  for (const std::size_t axis : part.axes.scan) at.push_back(first[axis]);
  for (bool more = true; more;) {
    std::uint64_t frame = 0;
    for (std::size_t i = 0; i < at.size(); ++i) frame = frame * part.extent[part.axes.scan[i]] + at[i];
    if (frame < part.frames) part.lost[frame] = true;
    more = false;
    for (std::size_t i = at.size(); i-- > 0 && !more;) {
      more = ++at[i] < end[part.axes.scan[i]];
      if (!more) at[i] = first[part.axes.scan[i]];
    }
  }
}

/// Frames of a virtual dataset of which a part is in no file: HDF5 would show fill values.
void find_lost_files(segment& part, const fs::path& name, const std::string& what, issue_list& issues) {
  const virtual_makeup makeup = makeup_of(part.dataset, what);
  for (const virtual_source& source : makeup.sources) {
    if (open_source(part.dataset, source, what).dataset) continue;
    for (const std::size_t number : source.parts) {
      const virtual_part lost = part_within(makeup, number, part.extent, what);
      if (has_end(lost.where)) {
        use_boxes(lost.where, what, [&](auto first, auto end) { mark(part, first, end); });
      } else {
        mark(part, std::vector<hsize_t>(part.extent.size(), 0), part.extent);
      }
      issues.add("missing_file", name, [&] {
        return fmt::format(
            "dataset {} has a part in {}, which cannot be opened: it must lie beside this file; its frames are missing",
            part.path, source.file.filename().string());
      });
    }
  }
}

/// Frames of which a part was never written: HDF5 would show fill values for them, too. `image`: what no source holds makes no
/// gap of a detector.
void find_lost_chunks(segment& part, const fs::path& name, const std::string& what, bool image, issue_list& issues) {
  const auto lost_frames = [&] { return static_cast<std::uint64_t>(std::count(part.lost.begin(), part.lost.end(), true)); };
  const std::uint64_t before = lost_frames();
  unmapped_boxes unmapped(part.axes, part.extent);
  find_unwritten(part.dataset, what, [&](auto first, auto end, absence why) {
    why == absence::unmapped ? unmapped.add(first, end) : mark(part, first, end);
  });
  if (!image) part.gaps = unmapped.gaps();
  unmapped.use_others(part.gaps, [&](auto first, auto end) { mark(part, first, end); });
  const std::uint64_t lost = lost_frames() - before;
  if (lost == 0) return;
  const auto at = static_cast<std::uint64_t>(std::find(part.lost.begin(), part.lost.end(), true) - part.lost.begin());
  issues.add("unwritten_frame", name, [&] {
    return fmt::format(
        "of the {} frames of dataset {}, {} were never written or only in part (the first is its frame {}); HDF5 shows fill "
        "values for them, here they are missing",
        part.frames, part.path, lost, at);
  });
}

/// The axes as they were given, or as the file has them.
frame_axes order_of(hid_t file, const std::string& path, hid_t dataset, const std::string& given, std::size_t rank,
                    const std::string& what) {
  if (!given.empty()) return axes_from(given, rank, what);
  if (rank > 2) check_signal_axes(file, path, rank, what);
  return axes_of(file, path, dataset, rank);
}

/// `dataset`: opened before; it is closed, so that what is opened next can have a cache that suits its axes.
segment opened_segment(hid_t file, const std::string& path, hdf5_handle dataset, const source_options& options,
                       const fs::path& name, issue_list& issues) {
  const std::string what = words_of(name, path);
  segment part;
  part.path = path;
  part.extent = extent_of(dataset, what);
  const std::size_t rank = part.extent.size();
  if (rank < 2 || rank > 5) (void)extent_of_array({part.extent.begin(), part.extent.end()}, what, options.image);
  part.axes = order_of(file, path, dataset, options.axes, rank, what);
  dataset.close();
  part.dataset = open_frame_dataset(file, path, part.axes, name, issues);
  const array_extent extent = extent_of_array(part.axes.usual(part.extent), what, options.image);
  check_claims(part.dataset, extent, name, what);
  part.frames = extent.scan.frames();
  find_lost_files(part, name, what, issues);
  find_lost_chunks(part, name, what, options.image.has_value(), issues);
  return part;
}

/// What became of the frames of a dataset that lacks.
std::string words_of(const frame_gap& gap) {
  if (!gap.frames) return "how many frames it held is not known";
  if (*gap.frames == 0) return "no frame of the scan is missing";
  if (gap.datasets == 1) return fmt::format("its {} frames are missing", *gap.frames);
  return fmt::format("it is one of {} datasets in a row that are not there, {} frames are missing", gap.datasets, *gap.frames);
}

/// A dataset that is listed, of which nothing is there.
void report_lacking(const numbered_frames& run, const frame_gap& gap, hid_t file, const fs::path& name, issue_list& issues) {
  if (run.length) {
    issues.add("unwritten_dataset", name,
               [&] { return fmt::format("dataset {} was made and never written: {}", run.path, words_of(gap)); });
    return;
  }
  issues.add("missing_file", name, [&] {
    return fmt::format("dataset {} leads to {}, which cannot be opened: it must lie beside this file; {}", run.path,
                       target_of(file, run.path), words_of(gap));
  });
}

/// Frames that no dataset holds, though no number between those of the datasets lacks.
void report_frames(const std::vector<numbered_frames>& runs, const placed_frames& placed, const frame_gap& gap,
                   const fs::path& name, issue_list& issues) {
  issues.add("missing_dataset", name, [&] {
    if (gap.end < runs.size()) {
      return fmt::format("dataset {} begins with image {} (image_nr_low): {} frames before it are in no dataset and missing",
                         runs[gap.end].path, runs[gap.end].image.value_or(0), *gap.frames);
    }
    return fmt::format("has datasets of {} frames, and {} by nimages and ntrigger: the last {} are missing",
                       placed.end - *gap.frames, placed.end, *gap.frames);
  });
}

/// Datasets whose links lead nowhere, that were never written, or whose numbers no link has, and frames of no dataset.
void report_gaps(const std::vector<numbered_frames>& runs, const placed_frames& placed, hid_t file, const fs::path& name,
                 issue_list& issues) {
  for (const frame_gap& gap : placed.gaps) {
    if (gap.datasets == 0) report_frames(runs, placed, gap, name, issues);
    for (std::size_t at = gap.begin; at < gap.end; ++at) report_lacking(runs[at], gap, file, name, issues);
    if (gap.datasets == 0 || gap.frames == 0) continue;
    for (std::size_t at = gap.begin; at <= gap.end && at < runs.size(); ++at) {
      const std::uint64_t number = at == 0 ? first_number(runs) : runs[at - 1].number + 1;
      issues.add(
          "missing_dataset", name,
          [&] { return fmt::format("has dataset {}, but none of number {}: {}", runs[at].path, number, words_of(gap)); },
          runs[at].number - number);
    }
  }
}

/// Frames that were made room for, where none was written; nothing where some were.
std::optional<std::uint64_t> length_of_unwritten(hid_t file, const std::string& path, hid_t dataset, const std::string& axes,
                                                 const std::string& what) {
  if (stored_bytes(dataset, what) != 0) return std::nullopt;
  const std::vector<hsize_t> extent = extent_of(dataset, what);
  if (extent.size() < 3 || std::ranges::count(extent, 0) != 0) return 0;
  return extent_of_array(order_of(file, path, dataset, axes, extent.size(), what).usual(extent), what).scan.frames();
}

/// The frames that a master claims, as far as those that are there make it plausible.
std::optional<std::uint64_t> believed_frames(hid_t file, const std::vector<numbered_frames>& runs, const fs::path& name,
                                             issue_list& issues) {
  const std::optional<std::uint64_t> claimed = claimed_frames(file);
  std::uint64_t held = 0;
  for (const numbered_frames& run : runs) held += run.frames.value_or(0);
  if (!claimed || is_plausible_claim(*claimed, held)) return claimed;
  issues.add("implausible_total", name, [&] {
    return fmt::format("claims {} frames (nimages and ntrigger), of which {} were found: the claim is not believed", *claimed,
                       held);
  });
  return std::nullopt;
}

}  // namespace

segments_of_scan open_segments(hid_t file, const frame_datasets& found, const source_options& options, const fs::path& name,
                               issue_list& issues) {
  segments_of_scan scan;
  if (!found.are_numbered) {
    const std::string& path = found.paths.front();
    scan.there.push_back(opened_segment(file, path, open_dataset(file, path, words_of(name, path)), options, name, issues));
    scan.frames = scan.there.front().frames;
    return scan;
  }
  std::vector<numbered_frames> runs;
  for (const std::string& path : found.paths) {
    numbered_frames run{path, number_of(path), {}, {}, {}};
    if (has_path(file, path)) {
      const std::string what = words_of(name, path);
      hdf5_handle dataset = open_dataset(file, path, what);
      run.length = length_of_unwritten(file, path, dataset, options.axes, what);
      if (!run.length) {
        scan.there.push_back(opened_segment(file, path, std::move(dataset), options, name, issues));
        run.frames = scan.there.back().frames;
        run.image = first_image(scan.there.back().dataset);
      }
    }
    runs.push_back(std::move(run));
  }
  if (scan.there.empty() && runs.front().length)
    throw format_error(fmt::format("{}: dataset {} was never written", name.string(), runs.front().path));
  if (scan.there.empty()) {
    throw format_error(fmt::format("{}: dataset {} leads to {}, which cannot be opened: it must lie beside this file",
                                   name.string(), runs.front().path, target_of(file, runs.front().path)));
  }
  const std::optional<std::uint64_t> total = believed_frames(file, runs, name, issues);
  const placed_frames placed = place_frames(runs, total, name.string());
  report_gaps(runs, placed, file, name, issues);
  for (std::size_t part = 0; part < scan.there.size(); ++part) scan.there[part].first_frame = placed.first[part];
  scan.frames = placed.end;
  return scan;
}

void check_segments_alike(const std::vector<segment>& segments, const std::string& name) {
  const segment& first = segments.front();
  for (const segment& part : segments) {
    const auto pixels_of = [](const segment& of) { return std::pair(of.extent[of.axes.row], of.extent[of.axes.column]); };
    const bool same_shape = pixels_of(part) == pixels_of(first);
    if (!same_shape || type_of(part.dataset, name) != type_of(first.dataset, name)) {
      throw format_error(
          fmt::format("{}: datasets {} and {} hold frames of different shape or type", name, first.path, part.path));
    }
  }
}

}  // namespace countem::io
