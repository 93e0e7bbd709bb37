#include "io/sources/hdf5/unwritten.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
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

/// The coordinates along each axis of a selection that is their product; nothing of any other.
using selected_axes = std::vector<std::vector<hsize_t>>;

std::optional<selected_axes> selected_axes_of(hid_t space, const std::string& what) {
  std::vector<hsize_t> count = lengths_of(space, what);
  std::vector<hsize_t> start(count.size(), 0);
  std::vector<hsize_t> stride(count.size(), 1);
  std::vector<hsize_t> block(count.size(), 1);
  if (H5Sget_select_type(space) != H5S_SEL_ALL) {
    if (H5Sis_regular_hyperslab(space) <= 0) return std::nullopt;
    hdf5_check(H5Sget_regular_hyperslab(space, start.data(), stride.data(), count.data(), block.data()), what);
  }
  selected_axes axes(count.size());
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    for (hsize_t i = 0; i < count[axis]; ++i) {
      for (hsize_t inside = 0; inside < block[axis]; ++inside) axes[axis].push_back(start[axis] + i * stride[axis] + inside);
    }
  }
  return axes;
}

/// Leads from a source's elements to what they are in a virtual dataset, axis by axis, those of one coordinate left out.
class projection {
 public:
  /// Nothing where the axes do not correspond.
  static std::optional<projection> of(hid_t from, hid_t to, const std::string& what) {
    const auto source = selected_axes_of(from, what);
    const auto target = selected_axes_of(to, what);
    if (!source || !target) return std::nullopt;
    projection made{*source, *target, std::vector<std::size_t>(source->size(), none)};
    std::size_t next = 0;
    for (std::size_t axis = 0; axis < source->size(); ++axis) {
      if ((*source)[axis].size() == 1) continue;
      while (next < target->size() && (*target)[next].size() == 1) ++next;
      if (next == target->size() || (*target)[next].size() != (*source)[axis].size()) return std::nullopt;
      made.target_of_[axis] = next++;
    }
    const bool all = std::all_of(target->begin() + static_cast<std::ptrdiff_t>(next), target->end(),
                                 [](const auto& coordinates) { return coordinates.size() == 1; });
    return all ? std::optional(made) : std::nullopt;
  }

  void use(std::span<const hsize_t> first, std::span<const hsize_t> end, const unwritten_part& use) const {
    selected_axes taken = target_;
    for (std::size_t axis = 0; axis < source_.size(); ++axis) {
      const std::vector<hsize_t>& here = source_[axis];
      const auto begin_at = std::ranges::lower_bound(here, first[axis]) - here.begin();
      const auto end_at = std::ranges::lower_bound(here, end[axis]) - here.begin();
      if (begin_at == end_at) return;
      if (target_of_[axis] == none) continue;
      const std::vector<hsize_t>& there = target_[target_of_[axis]];
      taken[target_of_[axis]].assign(there.begin() + begin_at, there.begin() + end_at);
    }
    std::vector<hsize_t> from(taken.size());
    std::vector<hsize_t> to(taken.size());
    use_product(taken, 0, from, to, use);
  }

 private:
  static constexpr std::size_t none = ~std::size_t{0};

  projection(selected_axes source, selected_axes target, std::vector<std::size_t> target_of)
      : source_(std::move(source)), target_(std::move(target)), target_of_(std::move(target_of)) {}

  /// Boxes of coordinates that follow one another.
  static void use_product(const selected_axes& taken, std::size_t axis, std::vector<hsize_t>& first, std::vector<hsize_t>& end,
                          const unwritten_part& use) {
    if (axis == taken.size()) return use(first, end);
    const std::vector<hsize_t>& along = taken[axis];
    for (std::size_t at = 0; at < along.size();) {
      first[axis] = along[at];
      while (++at < along.size() && along[at] == along[at - 1] + 1) {
      }
      end[axis] = along[at - 1] + 1;
      use_product(taken, axis + 1, first, end, use);
    }
  }

  selected_axes source_;
  selected_axes target_;
  std::vector<std::size_t> target_of_;  ///< by axis of the source; none: it has one coordinate
};

/// What a part of a virtual dataset lacks, as boxes of the virtual dataset; the whole part where its elements do not correspond
/// axis by axis.
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

  const std::optional<projection> leads = ends ? projection::of(from, part.where, what) : std::nullopt;
  const auto take = [&](std::span<const hsize_t> first, std::span<const hsize_t> end) {
    if (!ends) {
      throw format_error(what + " has a part without end in " + part.file.string() +
                         ", of which frames were never written: make a virtual dataset of the frames that are there");
    }
    leads ? leads->use(first, end, use) : use_boxes(part.where, what, use);
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
