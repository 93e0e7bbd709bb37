#include "io/sources/hdf5/segments.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"
#include "io/sources/sources.hpp"

namespace countem::io {

namespace fs = std::filesystem;

namespace {

/// Frames before a segment of DECTRIS, whose images are numbered from 1; 0 where it has no number.
std::uint64_t frames_before(hid_t dataset) {
  if (!has_attribute(dataset, "image_nr_low")) return 0;
  const auto number = read_number_attribute<std::int64_t>(dataset, "image_nr_low");
  return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 1) - 1);
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

/// Marks the frames of a dataset in which a part has elements.
void mark(std::vector<bool>& lost, const std::vector<hsize_t>& extent, hid_t part) {
  const std::size_t leading = extent.size() - 2;
  std::vector<hsize_t> first(extent.size());
  std::vector<hsize_t> last(extent.size());
  if (H5Sget_select_bounds(part, first.data(), last.data()) < 0) {  // a part without an end
    lost.assign(lost.size(), true);
    return;
  }
  std::vector<hsize_t> at = first;
  for (bool more = true; more;) {
    std::uint64_t frame = 0;
    for (std::size_t axis = 0; axis < leading; ++axis) frame = frame * extent[axis] + at[axis];
    if (frame < lost.size()) lost[frame] = true;
    std::size_t axis = leading;
    while (axis > 0 && at[axis - 1] == last[axis - 1]) {
      --axis;
      at[axis] = first[axis];
    }
    more = axis > 0;
    if (more) ++at[axis - 1];
  }
}

/// Frames of a virtual dataset that HDF5 would show as fill values.
void find_lost(segment& part, const fs::path& name, const std::string& what, issue_list& issues) {
  for (const lost_part& lost : lost_parts_of(part.dataset, what)) {
    part.lost.resize(part.frames);
    mark(part.lost, part.extent, lost.where);
    issues.add("missing_file", name, [&] {
      return fmt::format(
          "dataset {} has a part in {}, which cannot be opened: it must lie beside this file; its frames are missing",
          part.path, lost.file.string());
    });
  }
}

}  // namespace

std::vector<segment> open_segments(hid_t file, const std::vector<std::string>& paths, const fs::path& name,
                                   issue_list& issues) {
  std::vector<segment> segments;
  std::uint64_t next_frame = 0;
  for (const std::string& path : paths) {
    if (!has_path(file, path)) {
      issues.add("missing_file", name, [&] {
        return fmt::format(
            "dataset {} leads to {}, which cannot be opened: it must lie beside this file; its frames are missing", path,
            target_of(file, path));
      });
      continue;
    }
    const std::string what = name.string() + ": dataset " + path;
    segment part;
    part.dataset = open_frame_dataset(file, path, name, issues);
    part.path = path;
    part.extent = extent_of(part.dataset, what);
    const array_extent extent = extent_of_array({part.extent.begin(), part.extent.end()}, what);
    check_claims(part.dataset, extent, name, what);
    part.first_frame = paths.size() == 1 ? 0 : std::max(next_frame, frames_before(part.dataset));
    part.frames = extent.scan.frames();
    next_frame = part.first_frame + part.frames;
    if (next_frame > max_scan_frames) {
      throw format_error(
          fmt::format("{}: its image numbers go to {}, a scan has at most {} frames", what, next_frame, max_scan_frames));
    }
    find_lost(part, name, what, issues);
    segments.push_back(std::move(part));
  }
  if (segments.empty()) {
    throw format_error(fmt::format("{}: dataset {} leads to {}, which cannot be opened: it must lie beside this file",
                                   name.string(), paths.front(), target_of(file, paths.front())));
  }
  return segments;
}

void check_segments_alike(const std::vector<segment>& segments, const std::string& name) {
  const segment& first = segments.front();
  for (const segment& part : segments) {
    const bool same_shape = std::equal(part.extent.end() - 2, part.extent.end(), first.extent.end() - 2);
    if (!same_shape || type_of(part.dataset, name) != type_of(first.dataset, name)) {
      throw format_error(
          fmt::format("{}: datasets {} and {} hold frames of different shape or type", name, first.path, part.path));
    }
  }
}

}  // namespace countem::io
