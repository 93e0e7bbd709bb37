#include "io/store/image_writer.hpp"

#include <algorithm>
#include <utility>

#include <countem/error.hpp>

#include "io/hdf5/dataset.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"

namespace countem::io {

image_writer::image_writer(hid_t location, const std::string& path, const std::vector<std::uint64_t>& extent)
    : what_(place_of(location, path)), extent_(extent.begin(), extent.end()), chunk_(chunk_extent(extent_, sizeof(double))) {
  const auto lock = hdf5_lock();
  dataset_ = hdf5_handle(H5Dopen2(location, path.c_str(), H5P_DEFAULT), what_);
  if (extent_.size() < 2) throw invalid_argument(what_ + ": values come one after another for images of two axes or more");
  for (std::size_t axis = 2; axis < extent_.size(); ++axis) inner_ *= extent_[axis];
  block_.reserve(block_elements());
}

/// As many whole rows as a chunk has, or a part of one row.
std::size_t image_writer::block_elements() const {
  if (row_ >= extent_[0]) return 0;
  const hsize_t columns = std::min(chunk_[1], extent_[1] - column_);
  const hsize_t rows = columns == extent_[1] ? std::min(chunk_[0], extent_[0] - row_) : 1;
  return static_cast<std::size_t>(rows * columns * inner_);
}

void image_writer::put(std::span<const double> values) {
  while (!values.empty()) {
    const std::size_t wanted = block_elements();
    if (wanted == 0) throw invalid_argument(what_ + ": more values than the image has");
    const std::size_t some = std::min(values.size(), wanted - block_.size());
    block_.insert(block_.end(), values.begin(), values.begin() + static_cast<std::ptrdiff_t>(some));
    values = values.subspan(some);
    if (block_.size() == wanted) write_block();
  }
}

void image_writer::write_block() {
  slab box{std::vector<hsize_t>(extent_.size()), extent_};
  box.start[0] = row_;
  box.start[1] = column_;
  box.extent[1] = std::min(chunk_[1], extent_[1] - column_);
  box.extent[0] = box.extent[1] == extent_[1] ? std::min(chunk_[0], extent_[0] - row_) : 1;
  write_slab<double>(dataset_, box, block_, what_);
  block_.clear();
  column_ += box.extent[1];
  if (column_ == extent_[1]) {
    column_ = 0;
    row_ += box.extent[0];
  }
}

void image_writer::finish() {
  const auto lock = hdf5_lock();
  if (block_elements() != 0 && inner_ * extent_[1] != 0) throw invalid_argument(what_ + ": fewer values than the image has");
  dataset_.close(what_);
}

}  // namespace countem::io
