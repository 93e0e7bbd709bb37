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
#include "io/sources/hdf5/virtual_parts.hpp"

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
                           const box_use& use) {
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
void use_elements(std::uint64_t first, std::uint64_t end, const std::vector<hsize_t>& extent, const box_use& use) {
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
                      const box_use& use) {
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

/// What a selection takes along one axis: blocks at equal distances.
struct axis_blocks {
  hsize_t start = 0;
  hsize_t stride = 1;
  hsize_t count = 1;
  hsize_t block = 1;

  [[nodiscard]] hsize_t size() const { return count * block; }
  /// How many of its coordinates are below this one.
  [[nodiscard]] hsize_t below(hsize_t coordinate) const {
    if (coordinate <= start) return 0;
    const hsize_t whole = (coordinate - start) / stride;
    return whole >= count ? size() : whole * block + std::min((coordinate - start) % stride, block);
  }
  [[nodiscard]] hsize_t at(hsize_t number) const { return start + number / block * stride + number % block; }
  /// Up to here coordinates follow one another.
  [[nodiscard]] hsize_t end_of_block(hsize_t number) const { return (number / block + 1) * block; }
};

/// Those of a selection that is their product; nothing of any other.
std::optional<std::vector<axis_blocks>> blocks_of(hid_t space, const std::string& what) {
  const std::optional<regular_blocks> of = regular_blocks_of(space, what);
  if (!of) return std::nullopt;
  std::vector<axis_blocks> axes;
  for (std::size_t axis = 0; axis < of->start.size(); ++axis) {
    const axis_blocks some{of->start[axis], of->stride[axis], of->count[axis], of->block[axis]};
    const bool is_one = some.count == 1 || some.stride == some.block;
    axes.push_back(is_one ? axis_blocks{some.start, std::max<hsize_t>(some.size(), 1), 1, some.size()} : some);
  }
  return axes;
}

/// Leads from a source's elements to what they are in a virtual dataset, axis by axis, those of one coordinate left out.
class projection {
 public:
  /// Nothing where the axes do not correspond.
  static std::optional<projection> of(const virtual_part& part, hid_t from, const std::string& what) {
    const auto source = blocks_of(from, what);
    const auto target = blocks_of(part.where, what);
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
                                 [](const axis_blocks& axis) { return axis.size() == 1; });
    return all ? std::optional(made) : std::nullopt;
  }

  void use(std::span<const hsize_t> first, std::span<const hsize_t> end, const box_use& use) const {
    const auto taken_of = [&](std::size_t axis) {
      return taken{source_[axis].below(first[axis]), source_[axis].below(end[axis])};
    };
    for (std::size_t axis = 0; axis < source_.size(); ++axis) {
      if (const taken here = taken_of(axis); here.first == here.end) return;  // most parts, of a dataset of many
    }
    std::vector<taken> box;
    for (const axis_blocks& axis : target_) box.push_back({0, axis.size()});
    for (std::size_t axis = 0; axis < source_.size(); ++axis) {
      if (target_of_[axis] != none) box[target_of_[axis]] = taken_of(axis);
    }
    std::vector<hsize_t> from(box.size());
    std::vector<hsize_t> to(box.size());
    use_product(box, 0, from, to, use);
  }

 private:
  static constexpr std::size_t none = ~std::size_t{0};
  /// Coordinates of an axis by their number.
  struct taken {
    hsize_t first;
    hsize_t end;
  };

  projection(std::vector<axis_blocks> source, std::vector<axis_blocks> target, std::vector<std::size_t> target_of)
      : source_(std::move(source)), target_(std::move(target)), target_of_(std::move(target_of)) {}

  /// Boxes of coordinates that follow one another.
  void use_product(const std::vector<taken>& box, std::size_t axis, std::vector<hsize_t>& first, std::vector<hsize_t>& end,
                   const box_use& use) const {
    if (axis == box.size()) return use(first, end);
    for (hsize_t number = box[axis].first; number < box[axis].end;) {
      const hsize_t behind = std::min(target_[axis].end_of_block(number), box[axis].end);
      first[axis] = target_[axis].at(number);
      end[axis] = first[axis] + (behind - number);
      use_product(box, axis + 1, first, end, use);
      number = behind;
    }
  }

  std::vector<axis_blocks> source_;
  std::vector<axis_blocks> target_;
  std::vector<std::size_t> target_of_;  ///< by axis of the source; none: it has one coordinate
};

/// What a virtual dataset lacks of one source, as boxes of the virtual dataset; parts as a whole where their elements do not
/// correspond axis by axis. The source is opened, and its chunks are gone through, once.
class lacking_source {
 public:
  /// `extent`: of the virtual dataset.
  lacking_source(const virtual_makeup& makeup, const virtual_source& source, const std::vector<hsize_t>& extent,
                 const std::string& what, const unwritten_part& use)
      : makeup_(makeup), source_(source), extent_(extent), what_(what), use_(use) {}

  void find(hid_t dataset) {
    const opened_source opened = open_source(dataset, source_, what_);
    for (const std::size_t number : source_.parts) add(number, opened.dataset);
    if (parts_.empty()) return;
    find_unwritten(opened.dataset, what_, [this](auto first, auto end, absence why) {
      for (const known_part& part : parts_) take(part, first, end, why);
    });
  }

 private:
  struct known_part {
    std::size_t number;
    bool ends;
    std::optional<projection> leads;
  };

  void add(std::size_t number, const hdf5_handle& source) {
    const virtual_part part = part_within(makeup_, number, extent_, what_);
    if (!source) return lack_all(part);
    // Of a source that is taken as a whole HDF5 does not know the lengths.
    const hdf5_handle now(H5Dget_space(source), what_);
    const hid_t from = H5Sget_select_type(part.from) == H5S_SEL_ALL ? hid_t{now} : hid_t{part.from};
    const std::vector<hsize_t> there = lengths_of(now, what_);
    const std::vector<hsize_t> expected = lengths_of(from, what_);
    const bool ends = has_end(from) && has_end(part.where);
    if (there.size() != expected.size() || (ends && H5Sget_select_npoints(from) != H5Sget_select_npoints(part.where)))
      return lack_all(part);
    parts_.push_back({number, ends, ends ? projection::of(part, from, what_) : std::nullopt});
    // The source may be shorter than it was taken for.
    for (std::size_t axis = 0; axis < there.size(); ++axis) {
      if (there[axis] >= expected[axis]) continue;
      std::vector<hsize_t> first(there.size(), 0);
      first[axis] = there[axis];
      take(parts_.back(), first, expected, absence::unwritten);
    }
  }

  void lack_all(const virtual_part& part) const {
    use_boxes(part.where, what_, [this](auto first, auto end) { use_(first, end, absence::unwritten); });
  }

  void take(const known_part& part, std::span<const hsize_t> first, std::span<const hsize_t> end, absence why) const {
    if (!part.ends) {
      throw format_error(what_ + " has a part without end in " + source_.file.string() +
                         ", of which frames were never written: make a virtual dataset of the frames that are there");
    }
    if (!part.leads) return lack_all(part_within(makeup_, part.number, extent_, what_));
    part.leads->use(first, end, [&](auto from, auto to) { use_(from, to, why); });
  }

  const virtual_makeup& makeup_;
  const virtual_source& source_;
  const std::vector<hsize_t>& extent_;
  const std::string& what_;
  const unwritten_part& use_;
  std::vector<known_part> parts_;
};

/// What no part of a virtual dataset holds; nothing where a part has no end.
void find_unmapped(hid_t dataset, const virtual_makeup& makeup, const std::vector<hsize_t>& extent, const std::string& what,
                   const box_use& use) {
  const hdf5_handle unmapped(H5Dget_space(dataset), what);
  hssize_t mapped = 0;
  for (std::size_t number = 0; number < makeup.parts; ++number) {
    const virtual_part part = part_within(makeup, number, extent, what);
    if (!has_end(part.where) || H5Sget_select_type(part.where) == H5S_SEL_ALL) return;
    mapped += std::max<hssize_t>(H5Sget_select_npoints(part.where), 0);
  }
  if (mapped >= H5Sget_simple_extent_npoints(unmapped)) return;
  const std::vector<hsize_t> start(extent.size(), 0);
  hdf5_check(H5Sselect_hyperslab(unmapped, H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr), what);
  for (std::size_t number = 0; number < makeup.parts; ++number) {
    use_boxes(part_within(makeup, number, extent, what).where, what,
              [&](std::span<const hsize_t> first, std::span<const hsize_t> end) {
                std::vector<hsize_t> count(end.begin(), end.end());
                for (std::size_t axis = 0; axis < count.size(); ++axis) count[axis] -= first[axis];
                hdf5_check(H5Sselect_hyperslab(unmapped, H5S_SELECT_NOTB, first.data(), nullptr, count.data(), nullptr), what);
              });
  }
  use_boxes(unmapped, what, use);
}

void find_lacking_parts(hid_t dataset, const std::vector<hsize_t>& extent, const std::string& what, const unwritten_part& use) {
  const virtual_makeup makeup = makeup_of(dataset, what);
  for (const virtual_source& source : makeup.sources) lacking_source(makeup, source, extent, what, use).find(dataset);
  find_unmapped(dataset, makeup, extent, what, [&](auto first, auto end) { use(first, end, absence::unmapped); });
}

}  // namespace

void find_unwritten(hid_t dataset, const std::string& what, const unwritten_part& use) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), what);
  const std::vector<hsize_t> extent = extent_of(dataset, what);
  if (extent.empty() || std::find(extent.begin(), extent.end(), 0U) != extent.end()) return;
  const auto unwritten = [&](auto first, auto end) { use(first, end, absence::unwritten); };
  if (H5Pget_layout(creation) == H5D_VIRTUAL) find_lacking_parts(dataset, extent, what, use);
  if (H5Pget_layout(creation) == H5D_CHUNKED) find_unwritten_chunks(dataset, creation, extent, what, unwritten);
  if (H5Pget_external_count(creation) > 0) find_short_files(dataset, creation, extent, what, unwritten);
}

}  // namespace countem::io
