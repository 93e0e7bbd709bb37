#include "io/store/file.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"
#include "io/hdf5/storage.hpp"
#include "io/recognition/recognise.hpp"
#include "io/store/layout.hpp"
#include "io/store/scan.hpp"

namespace countem::io {

namespace {

hdf5_handle open_file(const std::filesystem::path& path, store_state state) {
  try {
    return open_expected(path, expected_file::event_store,
                         state == store_state::running ? hdf5_reading::growing : hdf5_reading::finished);
  } catch (const hdf5_refusal& reason) {
    if (!begins_with_recovery_record(path)) throw;
    throw format_error(reason.what() + std::string("; wait until it is whole, or save its frames with countem recover"));
  }
}

/// Whether the dataset's chunks are single frames that pass through deflate alone.
bool is_plain(hid_t dataset, const store_description& description) {
  const hdf5_handle creation(H5Dget_create_plist(dataset), "dataset creation properties");
  if (H5Pget_layout(creation) != H5D_CHUNKED) return false;
  const std::vector<hsize_t> wanted = layout::chunk_extent(description);
  std::vector<hsize_t> chunk(wanted.size());
  if (H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data()) != static_cast<int>(wanted.size()) ||
      chunk != wanted)
    return false;
  if (H5Pget_nfilters(creation) != 1) return false;
  unsigned flags = 0;
  std::size_t no_parameters = 0;
  return H5Pget_filter2(creation, 0, &flags, &no_parameters, nullptr, 0, nullptr, nullptr) == H5Z_FILTER_DEFLATE;
}

}  // namespace

event_store_file::event_store_file(const std::filesystem::path& path, store_state state, chunk_access access) {
  file_handle file = file_handle::open_read(path);  // the system's words about missing files are clearer than HDF5's
  opened_ = file.opened();
  const auto lock = hdf5_lock();
  file_ = open_file(path, state);
  if (!naming(path, [&] { return layout::is_store(file_); })) refuse_other_file(path, expected_file::event_store);
  try {
    naming(path, [&] {
      description_ = layout::read_description(file_);
      open_data();
      read_per_frame();
      if (state == store_state::running) hide_unfinished_frames();
      if (state == store_state::finished && access == chunk_access::by_address) open_addresses(std::move(file));
    });
  } catch (const format_error& reason) {
    throw format_error(path.string() + ": " + reason.what());
  }
}

void event_store_file::open_data() {
  data_ = open_dataset(file_, layout::data);
  const hdf5_handle space(H5Dget_space(data_), layout::data);
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space))));
  H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  if (extent != layout::data_extent(description_))
    throw format_error(std::string(layout::data) + " does not have the shape that its group describes");
  const hdf5_handle type(H5Dget_type(data_), layout::data);
  const std::size_t size = H5Tget_size(type);
  if (H5Tget_class(type) != H5T_INTEGER || H5Tget_sign(type) != H5T_SGN_NONE || (size != 1 && size != 2)) {
    throw format_error(std::string(layout::data) + " is neither u8 nor u16");
  }
  frame_ = {description_.shape.pixels(), static_cast<unsigned>(size)};
  elsewhere_ = frames_led_elsewhere(data_, description_);
  plain_chunks_ = is_plain(data_, description_) && H5Tget_order(type) != H5T_ORDER_BE;
}

void event_store_file::read_per_frame() {
  // Deflate gains at most 1032: no file can describe more frames than its size allows.
  constexpr std::uint64_t largest_gain = 1032;
  hsize_t file_size = 0;
  hdf5_check(H5Fget_filesize(file_, &file_size), "file size");
  const std::uint64_t frames = description_.scan.frames();
  if (frames / largest_gain > file_size)
    throw format_error("the file is too short for the " + std::to_string(frames) + " frames it describes");
  counts_ = read_dataset<std::uint32_t>(file_, layout::counts, nullptr, frames);
  status_ = read_dataset<std::uint8_t>(file_, layout::status, nullptr, frames);
  xrays_ = read_dataset<std::uint32_t>(file_, layout::xrays, nullptr, frames);
  if (counts_.size() != frames || status_.size() != frames || xrays_.size() != frames) {
    throw format_error("counts, status and xrays do not have one value for each of the " + std::to_string(frames) + " frames");
  }
}

/// The writer's counts may reach the file a moment before the chunks do.
void event_store_file::hide_unfinished_frames() {
  if (!plain_chunks_) return;
  for (std::uint64_t frame = counts_.size(); frame-- > 0;) {
    if (counts_[frame] == not_written) continue;
    chunk_place place;
    find_chunks(frame, {&place, 1});
    if (place.bytes != 0) return;  // frames are written in order
    counts_[frame] = not_written;
    status_[frame] = 0;
    xrays_[frame] = 0;
  }
}

/// `file` was opened by the same name: HDF5 must have opened the same file, and found the dataset in it.
void event_store_file::open_addresses(file_handle file) {
  if (!plain_chunks_) return;
  const std::optional<stored_object> stored = stored_object_of(data_);
  if (!stored || stored->file.device != opened_.opened.device || stored->file.inode != opened_.opened.inode) return;
  const std::vector<hsize_t> chunk = layout::chunk_extent(description_);
  addresses_ = chunk_addresses::open(
      std::move(file), {stored->header, {chunk.begin(), chunk.end()}, frame_.element_bytes, description_.scan.frames()});
}

void event_store_file::find_chunks(std::uint64_t first, std::span<chunk_place> places) const {
  if (addresses_ && addresses_->find(first, places)) return;
  const auto lock = hdf5_lock();
  const std::string what = path().string() + ": its chunk index";
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::vector<hsize_t> offset = layout::chunk_offset(description_.scan, first + i);
    hsize_t bytes = 0;
    // A chunk that was never written is an error in some versions of the library and 0 bytes in others.
    const bool is_there = hdf5_answer(H5Dget_chunk_storage_size(data_, offset.data(), &bytes) < 0 ? -1 : 1, what);
    places[i] = {undefined_address, is_there ? static_cast<std::uint32_t>(bytes) : 0, 0};  // no chunk has more than 4 GiB
  }
}

void event_store_file::read_proven(std::uint64_t first, std::span<const chunk_place> places, proven_chunks& to) const {
  if (addresses_)
    addresses_->read(first, places, to);
  else
    to.chunks.assign(places.size(), {});
}

bool event_store_file::read_chunk(std::uint64_t frame, std::uint64_t size, std::vector<std::uint8_t>& to) const {
  const auto lock = hdf5_lock();
  const std::vector<hsize_t> offset = layout::chunk_offset(description_.scan, frame);
  hsize_t file_bytes = 0;
  hdf5_check(H5Fget_filesize(file_, &file_bytes), "file size");
  if (size > file_bytes) {
    throw format_error("its chunk claims " + std::to_string(size) + " bytes, more than the file of " +
                       std::to_string(file_bytes) + " bytes");
  }
  const std::size_t start = to.size();
  to.resize(start + static_cast<std::size_t>(size));
  std::uint32_t skipped_filters = 0;
  hdf5_check(H5Dread_chunk(data_, H5P_DEFAULT, offset.data(), &skipped_filters, to.data() + start), "reading the chunk failed");
  return skipped_filters == 0;
}

void event_store_file::read_dense(std::uint64_t frame, const dense_visitor& visit) const {
  const hid_t type = frame_.element_bytes == 1 ? hdf5_type<std::uint8_t>() : hdf5_type<std::uint16_t>();
  slab box{layout::chunk_offset(description_.scan, frame), layout::chunk_extent(description_)};
  const std::size_t row_axis = box.extent.size() - 2;
  const hsize_t height = box.extent[row_axis];
  const std::uint64_t row_bytes = box.extent.back() * frame_.element_bytes;
  const hsize_t rows_a_piece = std::clamp<hsize_t>(largest_piece / row_bytes, 1, height);
  hsize_t& first_row = box.start[row_axis];
  hsize_t& rows = box.extent[row_axis];
  std::vector<std::uint8_t> piece;
  for (first_row = 0; first_row < height; first_row += rows) {
    rows = std::min(rows_a_piece, height - first_row);
    piece.resize(static_cast<std::size_t>(rows * row_bytes));
    read_slab(data_, box, type, piece.data(), "reading the frame failed");
    visit(first_row * row_bytes, piece);
  }
}

}  // namespace countem::io
