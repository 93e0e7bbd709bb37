#include "io/sources/hdf5/unwritten.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/hdf5/storage.hpp"
#include "io/sources/hdf5/frame_dataset.hpp"

namespace countem::io {

namespace {

namespace fs = std::filesystem;

/// The next box behind `at` in row-major order, of boxes that follow one another by `step`. False behind the last.
bool advance(std::vector<hsize_t>& at, const std::vector<hsize_t>& step, const std::vector<hsize_t>& extent) {
  for (std::size_t axis = at.size(); axis-- > 0;) {
    at[axis] += step[axis];
    if (at[axis] < extent[axis]) return true;
    at[axis] = 0;
  }
  return false;
}

void find_unwritten_chunks(hid_t dataset, hid_t creation, const std::vector<hsize_t>& extent, const std::string& what,
                           const unwritten_part& use) {
  std::vector<hsize_t> chunk(extent.size());
  hdf5_check(H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data()), what);
  hsize_t chunks = 1;
  for (std::size_t axis = 0; axis < extent.size(); ++axis) chunks *= (extent[axis] + chunk[axis] - 1) / chunk[axis];
  const hdf5_handle space(H5Dget_space(dataset), what);
  hsize_t written = 0;
  hdf5_check(H5Dget_num_chunks(dataset, space, &written), what);
  if (written >= chunks) return;

  std::vector<hsize_t> at(extent.size(), 0);
  std::vector<hsize_t> end(extent.size());
  std::uint64_t looked_at = 0;
  do {
    if (++looked_at % 1024 == 0) check_stop();
    hsize_t bytes = 0;
    // HDF5 1.10 takes it for a failure that a chunk is not there, HDF5 1.12 and later for 0 bytes.
    if (H5Dget_chunk_storage_size(dataset, at.data(), &bytes) >= 0 && bytes > 0) continue;
    for (std::size_t axis = 0; axis < at.size(); ++axis) end[axis] = std::min(at[axis] + chunk[axis], extent[axis]);
    use(at, end);
  } while (advance(at, chunk, extent));
}

/// Elements [first, end) of a dataset, in row-major order, as boxes of everything behind its leading axes.
void use_elements(std::uint64_t first, std::uint64_t end, const std::vector<hsize_t>& extent, const unwritten_part& use) {
  const std::size_t leading = extent.size() < 2 ? 0 : extent.size() - 2;
  std::uint64_t block = 1;
  for (std::size_t axis = leading; axis < extent.size(); ++axis) block *= extent[axis];
  std::vector<hsize_t> at(extent.size(), 0);
  std::vector<hsize_t> behind = extent;
  for (std::uint64_t number = first / block; number * block < end; ++number) {
    std::uint64_t left = number;
    for (std::size_t axis = leading; axis-- > 0; left /= extent[axis]) {
      at[axis] = left % extent[axis];
      behind[axis] = at[axis] + 1;
    }
    use(at, behind);
  }
}

void find_short_files(hid_t dataset, hid_t creation, const std::vector<hsize_t>& extent, const std::string& what,
                      const unwritten_part& use) {
  const std::vector<fs::path> files = files_behind(dataset, what);
  const hdf5_handle type(H5Dget_type(dataset), what);
  const std::uint64_t element = H5Tget_size(type);
  std::uint64_t elements = 1;
  for (const hsize_t length : extent) elements *= length;
  const std::uint64_t all = elements * element;
  std::uint64_t from = 0;  // of the dataset's bytes
  for (std::size_t number = 0; number < files.size() && from < all; ++number) {
    char name[1] = {};
    off_t offset = 0;
    hsize_t bytes = 0;
    hdf5_check(H5Pget_external(creation, static_cast<unsigned>(number), 0, name, &offset, &bytes), what);
    std::error_code absent;
    const std::uintmax_t length = fs::file_size(files[number], absent);
    const std::uint64_t there =
        absent || length < static_cast<std::uintmax_t>(offset) ? 0 : length - static_cast<std::uint64_t>(offset);
    const std::uint64_t end = bytes >= all - from ? all : from + bytes;
    if (from + there < end) use_elements((from + there) / element, (end + element - 1) / element, extent, use);
    from = end;
  }
}

/// The boxes that make up a selection of a dataspace.
void use_boxes(hid_t space, const std::string& what, const unwritten_part& use) {
  const hssize_t elements = H5Sget_select_npoints(space);
  if (elements <= 0) return;
  const auto rank = static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0));
  std::vector<hsize_t> first(rank);
  std::vector<hsize_t> end(rank);
  const auto show = [&] {
    for (hsize_t& last : end) ++last;
    use(first, end);
  };
  if (H5Sget_select_type(space) != H5S_SEL_HYPERSLABS) {
    hdf5_check(H5Sget_select_bounds(space, first.data(), end.data()), what);
    return show();
  }
  constexpr hsize_t at_once = 256;
  const hssize_t blocks = H5Sget_select_hyper_nblocks(space);
  std::vector<hsize_t> corners(2 * rank * at_once);
  for (hsize_t done = 0; done < static_cast<hsize_t>(std::max<hssize_t>(blocks, 0)); done += at_once) {
    const hsize_t now = std::min<hsize_t>(at_once, static_cast<hsize_t>(blocks) - done);
    hdf5_check(H5Sget_select_hyper_blocklist(space, done, now, corners.data()), what);
    for (auto corner = corners.begin(); corner != corners.begin() + static_cast<std::ptrdiff_t>(2 * rank * now);) {
      corner = std::ranges::copy_n(corner, static_cast<std::ptrdiff_t>(rank), first.begin()).in;
      corner = std::ranges::copy_n(corner, static_cast<std::ptrdiff_t>(rank), end.begin()).in;
      show();
    }
  }
}

bool has_end(hid_t space) {
  std::vector<hsize_t> first(H5S_MAX_RANK);
  std::vector<hsize_t> last(H5S_MAX_RANK);
  return H5Sget_select_bounds(space, first.data(), last.data()) >= 0;
}

std::vector<hsize_t> lengths_of(hid_t space, const std::string& what) {
  std::vector<hsize_t> lengths(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0)));
  hdf5_check(H5Sget_simple_extent_dims(space, lengths.data(), nullptr), what);
  return lengths;
}

/// What a part of a virtual dataset lacks, as boxes of the virtual dataset.
void find_lacking(const virtual_part& part, const std::string& what, const unwritten_part& use) {
  if (!part.source) return use_boxes(part.where, what, use);
  // Of a source that is taken as a whole HDF5 does not know the lengths.
  const hdf5_handle now(H5Dget_space(part.source), what);
  const hid_t from = H5Sget_select_type(part.from) == H5S_SEL_ALL ? hid_t{now} : hid_t{part.from};
  const std::vector<hsize_t> there = lengths_of(now, what);
  const std::vector<hsize_t> taken = lengths_of(from, what);
  const bool ends = has_end(from) && has_end(part.where);
  if (there.size() != taken.size() || (ends && H5Sget_select_npoints(from) != H5Sget_select_npoints(part.where)))
    return use_boxes(part.where, what, use);

  const hdf5_handle box(H5Scopy(from), what);
  const auto take = [&](std::span<const hsize_t> first, std::span<const hsize_t> end) {
    if (!ends) {
      throw format_error(what + " has a part without end in " + part.file.string() +
                         ", of which frames were never written: make a virtual dataset of the frames that are there");
    }
    std::vector<hsize_t> count(first.size());
    for (std::size_t axis = 0; axis < first.size(); ++axis) {
      const hsize_t last = std::min(end[axis], taken[axis]);
      if (last <= first[axis]) return;  // beyond what is taken
      count[axis] = last - first[axis];
    }
    hdf5_check(H5Sselect_hyperslab(box, H5S_SELECT_SET, first.data(), nullptr, count.data(), nullptr), what);
    const hdf5_handle lacking(H5Sselect_project_intersection(from, part.where, box), what);
    use_boxes(lacking, what, use);
  };
  // The source may be shorter than it was taken for.
  for (std::size_t axis = 0; axis < there.size(); ++axis) {
    if (there[axis] >= taken[axis]) continue;
    std::vector<hsize_t> first(there.size(), 0);
    first[axis] = there[axis];
    take(first, taken);
  }
  find_unwritten(part.source, what, take);
}

/// What no part of a virtual dataset holds; nothing where a part has no end.
void find_unmapped(hid_t dataset, const std::string& what, const unwritten_part& use) {
  const hdf5_handle unmapped(H5Dget_space(dataset), what);
  hssize_t mapped = 0;
  bool all = false;
  visit_parts(dataset, what, [&](const virtual_part& part) {
    mapped += std::max<hssize_t>(H5Sget_select_npoints(part.where), 0);
    all = all || !has_end(part.where) || H5Sget_select_type(part.where) == H5S_SEL_ALL;
  });
  if (all || mapped >= H5Sget_simple_extent_npoints(unmapped)) return;
  const std::vector<hsize_t> extent = extent_of(dataset, what);
  const std::vector<hsize_t> start(extent.size(), 0);
  hdf5_check(H5Sselect_hyperslab(unmapped, H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr), what);
  visit_parts(dataset, what, [&](const virtual_part& part) {
    use_boxes(part.where, what, [&](std::span<const hsize_t> first, std::span<const hsize_t> end) {
      std::vector<hsize_t> count(end.begin(), end.end());
      for (std::size_t axis = 0; axis < count.size(); ++axis) count[axis] -= first[axis];
      hdf5_check(H5Sselect_hyperslab(unmapped, H5S_SELECT_NOTB, first.data(), nullptr, count.data(), nullptr), what);
    });
  });
  use_boxes(unmapped, what, use);
}

void find_lacking_parts(hid_t dataset, const std::string& what, const unwritten_part& use) {
  visit_parts(dataset, what, [&](const virtual_part& part) { find_lacking(part, what, use); });
  find_unmapped(dataset, what, use);
}

}  // namespace

void find_unwritten(hid_t dataset, const std::string& what, const unwritten_part& use) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  const std::vector<hsize_t> extent = extent_of(dataset, what);
  if (extent.empty() || std::find(extent.begin(), extent.end(), 0U) != extent.end()) return;
  if (H5Pget_layout(creation) == H5D_VIRTUAL) find_lacking_parts(dataset, what, use);
  if (H5Pget_layout(creation) == H5D_CHUNKED) find_unwritten_chunks(dataset, creation, extent, what, use);
  if (H5Pget_external_count(creation) > 0) find_short_files(dataset, creation, extent, what, use);
}

}  // namespace countem::io
