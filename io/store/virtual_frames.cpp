#include "io/store/virtual_frames.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/text.hpp"
#include "io/store/layout.hpp"

namespace countem::io {

namespace {

/// Calls `take(box)` with boxes of whole frames that hold frames [first, end) together: as few as rows of the scan allow.
template <class Take>
void for_boxes(const store_description& description, std::uint64_t first, std::uint64_t end, const Take& take) {
  const std::uint64_t per_position = description.scan.frames_per_position;
  const std::uint64_t per_row = per_position * description.scan.width;
  while (first < end) {
    const std::uint64_t left = end - first;
    slab box{layout::chunk_offset(description.scan, first), layout::chunk_extent(description)};
    std::uint64_t taken = 0;
    if (first % per_row == 0 && left >= per_row) {
      box.extent[0] = left / per_row;
      box.extent[1] = description.scan.width;
      taken = box.extent[0] * per_row;
    } else if (first % per_position == 0 && left >= per_position) {
      box.extent[1] = std::min<std::uint64_t>(left / per_position, description.scan.width - box.start[1]);
      taken = box.extent[1] * per_position;
    } else {
      taken = std::min(left, per_position - first % per_position);
    }
    if (per_position > 1) box.extent[2] = std::min(taken, per_position);
    take(box);
    first += taken;
  }
}

hdf5_handle selection(const store_description& description, const slab& box) {
  const std::vector<hsize_t> extent = layout::data_extent(description);
  hdf5_handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), layout::data);
  hdf5_check(H5Sselect_hyperslab(space, H5S_SELECT_SET, box.start.data(), nullptr, box.extent.data(), nullptr), layout::data);
  return space;
}

/// Whether two selections hold the same elements.
bool are_same(hid_t one, hid_t other) {
  const auto bounds = [](hid_t space) {
    std::vector<hsize_t> corners(2 * H5S_MAX_RANK);
    hdf5_check(H5Sget_select_bounds(space, corners.data(), corners.data() + H5S_MAX_RANK), layout::data);
    return corners;
  };
  return H5Sget_select_npoints(one) == H5Sget_select_npoints(other) && bounds(one) == bounds(other);
}

/// The frames of a selection of whole frames that follow one another; nothing where it is none.
std::optional<std::pair<std::uint64_t, std::uint64_t>> frames_of(hid_t space, const store_description& description) {
  const std::vector<hsize_t> extent = layout::data_extent(description);
  if (H5Sget_simple_extent_ndims(space) != static_cast<int>(extent.size()) || H5Sget_select_type(space) == H5S_SEL_NONE ||
      H5Sget_select_npoints(space) <= 0)
    return std::nullopt;
  std::vector<hsize_t> first(extent.size());
  std::vector<hsize_t> last(extent.size());
  hdf5_check(H5Sget_select_bounds(space, first.data(), last.data()), layout::data);
  const auto number = [&](const std::vector<hsize_t>& at) {
    std::uint64_t frame = 0;
    for (std::size_t axis = 0; axis + 2 < extent.size(); ++axis) frame = frame * extent[axis] + at[axis];
    return frame;
  };
  const std::uint64_t begin = number(first);
  const std::uint64_t end = number(last) + 1;
  // A box of fewer frames than lie between its corners is none that follow one another.
  const auto points = static_cast<std::uint64_t>(H5Sget_select_npoints(space));
  if (points / description.shape.pixels() != end - begin || points % description.shape.pixels() != 0) return std::nullopt;
  return std::pair(begin, end);
}

}  // namespace

void lead_elsewhere(hid_t creation, const store_description& description, std::span<const frames_elsewhere> frames) {
  for (const frames_elsewhere& some : frames) {
    for_boxes(description, some.first, some.end, [&](const slab& box) {
      const hdf5_handle same = selection(description, box);
      hdf5_check(H5Pset_virtual(creation, same, some.file.c_str(), layout::data, same), layout::data);
    });
  }
}

std::optional<std::vector<frames_elsewhere>> frames_led_elsewhere(hid_t dataset, const store_description& description) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), layout::data);
  if (H5Pget_layout(creation) != H5D_VIRTUAL) return std::nullopt;
  std::size_t boxes = 0;
  hdf5_check(H5Pget_virtual_count(creation, &boxes), layout::data);
  std::vector<frames_elsewhere> found;
  for (std::size_t i = 0; i < boxes; ++i) {
    const hdf5_handle here(H5Pget_virtual_vspace(creation, i), layout::data);
    const hdf5_handle there(H5Pget_virtual_srcspace(creation, i), layout::data);
    const auto frames = frames_of(here, description);
    const std::string path =
        hdf5_text([&](char* to, std::size_t bytes) { return H5Pget_virtual_dsetname(creation, i, to, bytes); }, layout::data);
    if (!frames || path != layout::data || !are_same(here, there)) return std::nullopt;
    std::string file =
        hdf5_text([&](char* to, std::size_t bytes) { return H5Pget_virtual_filename(creation, i, to, bytes); }, layout::data);
    found.push_back({std::move(file), frames->first, frames->second});
  }
  std::ranges::sort(found, {}, &frames_elsewhere::first);
  std::vector<frames_elsewhere> joined;
  for (frames_elsewhere& some : found) {
    if (!joined.empty() && joined.back().end > some.first) return std::nullopt;  // a frame in two places
    if (!joined.empty() && joined.back().end == some.first && joined.back().file == some.file) {
      joined.back().end = some.end;
    } else {
      joined.push_back(std::move(some));
    }
  }
  return joined;
}

}  // namespace countem::io
