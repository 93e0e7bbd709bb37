// stempy's HDF5, versions 1 to 3.
#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <countem/error.hpp>

#include "io/convert/imports.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/heap_lists.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/storage.hpp"

namespace countem::io {

namespace {

/// stempy's HDF5: one list of indices per row. Version 3 has the frames of a position side by side; versions 1 and 2 name each
/// row's position, which may come again.
class stempy_rows final : public list_source {
 public:
  explicit stempy_rows(hid_t file) : lists_(open_dataset(file, "electron_events/frames")) {
    const hdf5_handle positions = open_dataset(file, "electron_events/scan_positions");
    const hdf5_handle space(H5Dget_space(lists_), "frames");
    const hssize_t rows = H5Sget_simple_extent_npoints(space);
    const hdf5_handle type(H5Dget_type(lists_), "frames");
    if (rows < 0 || H5Sget_simple_extent_ndims(space) != 1 || H5Tget_class(type) != H5T_VLEN) {
      throw format_error("electron_events/frames is not a list of event lists");
    }
    rows_ = static_cast<std::uint64_t>(rows);
    if (rows_ > most_elements(file))
      throw format_error("the file is too short for its " + std::to_string(rows_) + " event lists");
    frame_ = {side_of(lists_, "Nx"), side_of(lists_, "Ny")};
    scan_.width = side_of(positions, "Nx");
    scan_.height = side_of(positions, "Ny");
    require_plausible_scan(file);
    plain_ = heap_lists::open(lists_);
    const auto stored_version = has_attribute(file, "version") ? read_number_attribute<std::int64_t>(file, "version") : 1;
    if (stored_version < 1 || stored_version > 3)
      throw format_error("stempy version " + std::to_string(stored_version) + " is unknown");
    if (stored_version == 3) {
      if (scan_.positions() == 0 || rows_ % scan_.positions() != 0 || rows_ == 0) {
        throw format_error(std::to_string(rows_) + " event lists do not divide among " + std::to_string(scan_.positions()) +
                           " scan positions");
      }
      scan_.frames_per_position = static_cast<std::uint32_t>(rows_ / scan_.positions());
    } else {
      order_by_position(read_dataset<std::int64_t>(file, "electron_events/scan_positions", nullptr, rows_));
    }
    description_ = described(file, frame_, scan_);
  }

  [[nodiscard]] store_description description() const override { return description_; }

  [[nodiscard]] bool append_frame(std::uint64_t frame, std::vector<std::uint32_t>& events) override {
    const std::optional<std::uint64_t> row = row_of(frame);
    if (!row) return false;
    if (*row < first_read_ || *row - first_read_ >= read_.ends.size()) read_lists(*row);
    const std::span list = read_.list(static_cast<std::size_t>(*row - first_read_));
    events.insert(events.end(), list.begin(), list.end());
    return true;
  }

 private:
  [[nodiscard]] std::optional<std::uint64_t> row_of(std::uint64_t frame) const {
    if (rows_ == 0) return std::nullopt;
    if (by_frame_.empty()) return frame;
    const auto found = std::lower_bound(by_frame_.begin(), by_frame_.end(), std::pair{frame, std::uint64_t{0}});
    return found != by_frame_.end() && found->first == frame ? std::optional(found->second) : std::nullopt;
  }

  /// Each event list takes 16 bytes at least; a scan with far more positions than that is a damaged number.
  void require_plausible_scan(hid_t file) const {
    constexpr std::uint64_t bytes_a_position = 8;
    hsize_t bytes = 0;
    hdf5_check(H5Fget_filesize(file, &bytes), "file size");
    const std::uint64_t most = bytes / bytes_a_position;
    if (scan_.width > most || scan_.height > most / scan_.width) {
      throw format_error("a scan of " + std::to_string(scan_.width) + " x " + std::to_string(scan_.height) +
                         " positions makes no sense in a file of " + std::to_string(bytes) + " bytes");
    }
  }

  /// The lists from `row` on, without HDF5 where that can be.
  void read_lists(std::uint64_t row) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(import_block_frames, rows_ - row));
    first_read_ = row;
    const auto highest = static_cast<std::uint32_t>(frame_.pixels() - 1);
    if (plain_ && plain_->read(row, count, highest, read_)) return;
    read_ = {};
    read_by_hdf5(row, count);
  }

  void read_by_hdf5(std::uint64_t row, hsize_t count) {
    const auto lock = hdf5_lock();
    const hdf5_handle memory_space(H5Screate_simple(1, &count, nullptr), "frames");
    const std::string what = "electron_events/frames";
    const hdf5_handle lists_type(H5Dget_type(lists_), what);
    const hdf5_handle stored(H5Tget_super(lists_type), what);
    const hdf5_handle memory_type(H5Tvlen_create(type_to_read<std::uint32_t>(stored, what)), what);
    std::vector<hvl_t> lists(static_cast<std::size_t>(count));
    std::exception_ptr problem;
    try {
      read_slab(lists_, {{row}, {count}}, memory_type, lists.data(), "event lists from " + std::to_string(row) + " on");
      for (std::size_t i = 0; i < lists.size(); ++i) append_list(lists[i], stored, row + i);
    } catch (...) {  // the lists that were read need their memory back
      problem = std::current_exception();
      read_ = {};
    }
    hdf5_check(H5Dvlen_reclaim(memory_type, memory_space, H5P_DEFAULT, lists.data()), "frames");
    if (problem) std::rethrow_exception(problem);
  }

  void append_list(const hvl_t& list, hid_t stored, std::uint64_t row) {
    const std::size_t start = read_.numbers.size();
    read_.numbers.resize(start + list.len);
    read_.ends.push_back(read_.numbers.size());
    if (list.len == 0) return;
    const auto copy = [&](hid_t type, void* into) { std::memcpy(into, list.p, list.len * H5Tget_size(type)); };
    read_numbers<std::uint32_t>(
        stored, list.len, read_.numbers.data() + start, {.highest = static_cast<std::uint32_t>(frame_.pixels() - 1)}, copy,
        "event list " + std::to_string(row), [](std::size_t i) { return ": element " + std::to_string(i); });
  }

  void order_by_position(const std::vector<std::int64_t>& positions) {
    if (positions.size() != rows_) throw format_error("scan_positions does not name one position per event list");
    std::vector<std::pair<std::uint64_t, std::uint64_t>> rows;  // position, row
    for (std::size_t row = 0; row < positions.size(); ++row) {
      if (positions[row] < 0 || static_cast<std::uint64_t>(positions[row]) >= scan_.positions()) {
        throw format_error("scan position " + std::to_string(positions[row]) + " of event list " + std::to_string(row) +
                           " is outside the scan");
      }
      rows.emplace_back(static_cast<std::uint64_t>(positions[row]), row);
    }
    std::sort(rows.begin(), rows.end());
    std::uint32_t most = 1;
    for (std::size_t i = 1, repeat = 0; i < rows.size(); ++i) {
      repeat = rows[i].first == rows[i - 1].first ? repeat + 1 : 0;
      most = std::max(most, static_cast<std::uint32_t>(repeat + 1));
    }
    scan_.frames_per_position = most;
    for (std::size_t i = 0, repeat = 0; i < rows.size(); ++i) {
      repeat = i > 0 && rows[i].first == rows[i - 1].first ? repeat + 1 : 0;
      by_frame_.emplace_back(rows[i].first * most + repeat, rows[i].second);
    }
  }

  hdf5_handle lists_;
  std::uint64_t rows_ = 0;
  std::optional<heap_lists> plain_;  ///< the lists where HDF5 need not read them
  std::uint64_t first_read_ = 0;     ///< row of the first of read_
  number_lists read_;                ///< lists read ahead
  frame_shape frame_;
  scan_shape scan_;
  store_description description_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> by_frame_;  ///< frame, row, sorted; empty: row is frame
};

}  // namespace

bool is_stempy(hid_t file) {
  return has_path(file, "electron_events/frames") && has_path(file, "electron_events/scan_positions");
}

std::unique_ptr<list_source> open_stempy(hid_t file, const import_options&) {
  return std::make_unique<stempy_rows>(file);
}

}  // namespace countem::io
