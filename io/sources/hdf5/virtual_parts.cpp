#include "io/sources/hdf5/virtual_parts.hpp"

#include <algorithm>

#include <countem/error.hpp>

namespace countem::io {

namespace {

/// Along one axis there is no end of them, or of the only one.
struct growing_blocks : regular_blocks {
  std::size_t axis = 0;
};

std::optional<growing_blocks> growing_blocks_of(hid_t space, const std::string& what) {
  const std::optional<regular_blocks> of = regular_blocks_of(space, what);
  for (std::size_t axis = 0; of && axis < of->start.size(); ++axis) {
    if (of->count[axis] == H5S_UNLIMITED || of->block[axis] == H5S_UNLIMITED) return growing_blocks{*of, axis};
  }
  return std::nullopt;
}

/// How many coordinates of the growing axis lie below `length`.
hsize_t coordinates_below(const growing_blocks& of, hsize_t length) {
  const hsize_t axis_start = of.start[of.axis];
  if (length <= axis_start) return 0;
  const hsize_t room = length - axis_start;
  const hsize_t block = of.block[of.axis];
  if (block == H5S_UNLIMITED) return room;
  const hsize_t stride = of.stride[of.axis];
  return room / stride * block + std::min(room % stride, block);
}

/// The first so many coordinates along the axis that grows, in a space that holds them.
hdf5_handle cut(const growing_blocks& of, std::vector<hsize_t> extent, hsize_t coordinates, const std::string& what) {
  growing_blocks whole = of;
  hsize_t& block = whole.block[of.axis];
  hsize_t& count = whole.count[of.axis];
  if (block == H5S_UNLIMITED) block = std::max<hsize_t>(coordinates, 1);
  count = coordinates / block;
  const hsize_t rest = coordinates - count * block;
  const hsize_t rest_start = of.start[of.axis] + count * of.stride[of.axis];
  const hsize_t end = rest > 0 ? rest_start + rest : count > 0 ? rest_start - of.stride[of.axis] + block : of.start[of.axis];
  extent[of.axis] = std::max({extent[of.axis], end, hsize_t{1}});
  hdf5_handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), what);
  hdf5_check(H5Sselect_none(space), what);
  const auto add = [&](const growing_blocks& some) {
    hdf5_check(
        H5Sselect_hyperslab(space, H5S_SELECT_OR, some.start.data(), some.stride.data(), some.count.data(), some.block.data()),
        what);
  };
  if (count > 0) add(whole);
  if (rest > 0) {
    whole.start[of.axis] = rest_start;
    count = 1;
    block = rest;
    add(whole);
  }
  return space;
}

}  // namespace

bool has_end(hid_t space) {
  if (H5Sget_select_type(space) != H5S_SEL_HYPERSLABS) return true;
  return H5Sget_select_npoints(space) != static_cast<hssize_t>(H5S_UNLIMITED);
}

std::vector<hsize_t> lengths_of(hid_t space, const std::string& what) {
  std::vector<hsize_t> lengths(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space), 0)));
  hdf5_check(H5Sget_simple_extent_dims(space, lengths.data(), nullptr), what);
  return lengths;
}

std::optional<regular_blocks> regular_blocks_of(hid_t space, const std::string& what) {
  regular_blocks of{.block = lengths_of(space, what)};
  const std::size_t rank = of.block.size();
  of.start.assign(rank, 0);
  of.stride.assign(rank, 1);
  of.count.assign(rank, 1);
  if (H5Sget_select_type(space) == H5S_SEL_ALL) return of;
  if (H5Sis_regular_hyperslab(space) <= 0) return std::nullopt;
  hdf5_check(H5Sget_regular_hyperslab(space, of.start.data(), of.stride.data(), of.count.data(), of.block.data()), what);
  return of;
}

virtual_part part_within(const virtual_makeup& makeup, std::size_t number, const std::vector<hsize_t>& extent,
                         const std::string& what) {
  virtual_part part = part_of(makeup, number, what);
  if (has_end(part.where) || has_end(part.from)) return part;
  const auto where = growing_blocks_of(part.where, what);
  const auto from = growing_blocks_of(part.from, what);
  if (!where || !from || where->start.size() != extent.size()) return part;
  const hsize_t coordinates = coordinates_below(*where, extent[where->axis]);
  return {cut(*from, lengths_of(part.from, what), coordinates, what), cut(*where, extent, coordinates, what)};
}

void use_boxes(hid_t space, const std::string& what, const box_use& use) {
  if (!has_end(space) || H5Sget_select_npoints(space) <= 0) return;
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

}  // namespace countem::io
