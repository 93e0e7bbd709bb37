#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/version.hpp>

#include "io/files/file.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"

namespace countem {

namespace io {
namespace {

constexpr std::size_t block_frames = 256;

std::uint32_t read_extent(hid_t object, const std::string& name) {
  const std::int64_t value = read_integer_attribute(object, name);
  if (value <= 0 || value > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
    throw format_error("attribute " + name + " " + std::to_string(value) + " is out of range");
  }
  return static_cast<std::uint32_t>(value);
}

/// A small file must not make us believe in large arrays: HDF5 gives fill values for what was never written, and deflate gains
/// at most a factor of 1032.
std::uint64_t most_elements(hid_t file) {
  constexpr std::uint64_t largest_gain = 1032;
  hsize_t bytes = 0;
  hdf5_check(H5Fget_filesize(file, &bytes), "file size");
  return bytes * largest_gain / sizeof(std::uint32_t);
}

/// More events than this in one frame are no counted frame: four on each pixel of the largest detector.
constexpr std::uint64_t most_events_in_a_row = std::uint64_t{1} << 26U;

/// A file of event lists, one a row, that can be read row by row.
class row_source {
 public:
  virtual ~row_source() = default;
  [[nodiscard]] virtual frame_shape frame() const = 0;
  [[nodiscard]] virtual scan_shape scan() const = 0;
  /// The row that holds a frame; nothing where the file has none.
  [[nodiscard]] virtual std::optional<std::uint64_t> row_of(std::uint64_t frame) const = 0;
  /// Appends the events of a row, in any order. @throws format_error
  virtual void append_row(std::uint64_t row, std::vector<std::uint32_t>& events) = 0;
};

/// stempy's HDF5: one list of indices per row. Version 3 has the frames of a position side by side; versions 1 and 2 name each
/// row's position, which may come again.
class stempy_rows final : public row_source {
 public:
  explicit stempy_rows(hid_t file) : lists_(H5Dopen2(file, "electron_events/frames", H5P_DEFAULT), "electron_events/frames") {
    const hdf5_handle positions(H5Dopen2(file, "electron_events/scan_positions", H5P_DEFAULT),
                                "electron_events/scan_positions");
    const hdf5_handle space(H5Dget_space(lists_), "frames");
    const hssize_t rows = H5Sget_simple_extent_npoints(space);
    const hdf5_handle type(H5Dget_type(lists_), "frames");
    if (rows < 0 || H5Sget_simple_extent_ndims(space) != 1 || H5Tget_class(type) != H5T_VLEN) {
      throw format_error("electron_events/frames is not a list of event lists");
    }
    rows_ = static_cast<std::uint64_t>(rows);
    if (rows_ > most_elements(file))
      throw format_error("the file is too short for its " + std::to_string(rows_) + " event lists");
    frame_ = {read_extent(lists_, "Nx"), read_extent(lists_, "Ny")};
    scan_.width = read_extent(positions, "Nx");
    scan_.height = read_extent(positions, "Ny");
    require_plausible_scan(file);
    const std::int64_t stored_version = has_attribute(file, "version") ? read_integer_attribute(file, "version") : 1;
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
  }

  [[nodiscard]] frame_shape frame() const override { return frame_; }
  [[nodiscard]] scan_shape scan() const override { return scan_; }

  [[nodiscard]] std::optional<std::uint64_t> row_of(std::uint64_t frame) const override {
    if (rows_ == 0) return std::nullopt;
    if (by_frame_.empty()) return frame;
    const auto found = std::lower_bound(by_frame_.begin(), by_frame_.end(), std::pair{frame, std::uint64_t{0}});
    return found != by_frame_.end() && found->first == frame ? std::optional(found->second) : std::nullopt;
  }

  void append_row(std::uint64_t row, std::vector<std::uint32_t>& events) override {
    if (row < first_read_ || row - first_read_ >= read_.size()) read_lists(row);
    const std::vector<std::uint32_t>& list = read_[static_cast<std::size_t>(row - first_read_)];
    events.insert(events.end(), list.begin(), list.end());
  }

 private:
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

  /// The lists from `row` on: HDF5 takes its time for each call.
  void read_lists(std::uint64_t row) {
    const hsize_t count = std::min<std::uint64_t>(block_frames, rows_ - row);
    const hdf5_handle memory_space(H5Screate_simple(1, &count, nullptr), "frames");
    const hdf5_handle memory_type(H5Tvlen_create(H5T_NATIVE_UINT32), "vlen type");
    std::vector<hvl_t> lists(static_cast<std::size_t>(count));
    read_.clear();
    std::string problem;
    try {
      read_slab(lists_, {{row}, {count}}, memory_type, lists.data(), "event lists from " + std::to_string(row) + " on");
      for (const hvl_t& list : lists) {
        const auto* first = static_cast<const std::uint32_t*>(list.p);
        read_.emplace_back(first, first == nullptr ? first : first + list.len);
      }
      first_read_ = row;
    } catch (const io_error& reason) {  // the lists that were read need their memory back
      problem = reason.what();
    }
    hdf5_check(H5Dvlen_reclaim(memory_type, memory_space, H5P_DEFAULT, lists.data()), "frames");
    if (!problem.empty()) throw format_error(problem);
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
  std::uint64_t first_read_ = 0;                  ///< row of read_.front()
  std::vector<std::vector<std::uint32_t>> read_;  ///< lists read ahead
  frame_shape frame_;
  scan_shape scan_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> by_frame_;  ///< frame, row, sorted; empty: row is frame
};

/// A CSR matrix of frames x pixels with binsparse's names; values are multiplicities.
class csr_rows final : public row_source {
 public:
  csr_rows(hid_t file, const import_options& options)
      : indices_(H5Dopen2(file, "indices_1", H5P_DEFAULT), "indices_1"),
        values_(H5Dopen2(file, "values", H5P_DEFAULT), "values") {
    const nlohmann::json tag = nlohmann::json::parse(read_text_attribute(file, "binsparse"), nullptr, false);
    const auto& matrix = tag.is_object() && tag.contains("binsparse") ? tag["binsparse"] : tag;
    if (!matrix.is_object() || !matrix.contains("format") || matrix["format"] != "CSR")
      throw format_error("the binsparse matrix is not in CSR form");
    const std::uint64_t most = most_elements(file);
    pointers_ = read_dataset<std::uint64_t>(file, "pointers_to_1", nullptr, most);
    if (length(indices_) > most)
      throw format_error("the file is too short for its " + std::to_string(length(indices_)) + " entries");
    if (pointers_.empty() || pointers_.front() != 0 || !std::is_sorted(pointers_.begin(), pointers_.end()) ||
        pointers_.back() != length(indices_) || (length(values_) != pointers_.back() && length(values_) != 1)) {
      throw format_error("pointers_to_1, indices_1 and values contradict each other");
    }
    const bool described = has_attribute(file, "height");
    if (described) {
      frame_ = {read_extent(file, "height"), read_extent(file, "width")};
      scan_ = {read_extent(file, "scan_height"), read_extent(file, "scan_width"), read_extent(file, "frames_per_position")};
    } else if (options.frame && options.scan) {
      frame_ = *options.frame;
      scan_ = *options.scan;
    } else {
      throw invalid_argument("the file says neither the scan's nor the frames' shape; give both");
    }
    if (scan_.frames() != pointers_.size() - 1)
      throw format_error("the matrix has " + std::to_string(pointers_.size() - 1) + " rows where the scan has " +
                         std::to_string(scan_.frames()) + " frames");
  }

  [[nodiscard]] frame_shape frame() const override { return frame_; }
  [[nodiscard]] scan_shape scan() const override { return scan_; }
  [[nodiscard]] std::optional<std::uint64_t> row_of(std::uint64_t frame) const override { return frame; }

  void append_row(std::uint64_t row, std::vector<std::uint32_t>& events) override {
    const std::uint64_t start = pointers_[row];
    const std::uint64_t count = pointers_[row + 1] - start;
    if (count > frame_.pixels()) throw format_error("row " + std::to_string(row) + " has more entries than pixels");
    const std::vector<std::uint64_t> pixels = slice(indices_, start, count);
    const bool iso = length(values_) == 1 && pointers_.back() != 1;
    const std::vector<std::uint64_t> counts =
        iso ? std::vector<std::uint64_t>(count, slice(values_, 0, 1).front()) : slice(values_, start, count);
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      if (pixels[i] >= frame_.pixels()) throw format_error("row " + std::to_string(row) + " has an entry outside the frame");
      if (counts[i] > most_repeats || (total += counts[i]) > most_events_in_a_row)
        throw format_error("row " + std::to_string(row) + " has values that are no numbers of events");
      events.insert(events.end(), static_cast<std::size_t>(counts[i]), static_cast<std::uint32_t>(pixels[i]));
    }
  }

 private:
  static constexpr std::uint64_t most_repeats = 1 << 20U;

  static std::uint64_t length(hid_t dataset) {
    const hdf5_handle space(H5Dget_space(dataset), "dataset");
    return static_cast<std::uint64_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space)));
  }
  static std::vector<std::uint64_t> slice(hid_t dataset, hsize_t start, hsize_t count) {
    std::vector<std::uint64_t> values(static_cast<std::size_t>(count));
    if (count == 0) return values;
    const hdf5_handle file_space(H5Dget_space(dataset), "dataset");
    if (H5Sget_simple_extent_ndims(file_space) != 1) throw format_error("a CSR array is not one-dimensional");
    read_slab<std::uint64_t>(dataset, {{start}, {count}}, values, "dataset");
    return values;
  }

  hdf5_handle indices_;
  hdf5_handle values_;
  std::vector<std::uint64_t> pointers_;
  frame_shape frame_;
  scan_shape scan_;
};

std::unique_ptr<row_source> open_rows(hid_t file, const import_options& options) {
  if (has_path(file, "electron_events/frames") && has_path(file, "electron_events/scan_positions"))
    return std::make_unique<stempy_rows>(file);
  if (has_attribute(file, "binsparse")) return std::make_unique<csr_rows>(file, options);
  throw format_error("is neither a stempy file (electron_events) nor a binsparse matrix");
}

void copy_rows(row_source& rows, event_store_writer& to) {
  const std::uint64_t frames = rows.scan().frames();
  event_batch block;
  std::vector<std::uint32_t> events;
  for (std::uint64_t first = 0; first < frames; first += block_frames) {
    block.clear();
    block.first_frame = first;
    for (std::uint64_t frame = first; frame < std::min<std::uint64_t>(first + block_frames, frames); ++frame) {
      const std::optional<std::uint64_t> row = rows.row_of(frame);
      events.clear();
      if (row) rows.append_row(*row, events);
      std::sort(events.begin(), events.end());
      if (!events.empty() && events.back() >= rows.frame().pixels())
        throw format_error("event list " + std::to_string(*row) + " has an event outside the frame");
      block.indices.insert(block.indices.end(), events.begin(), events.end());
      block.indptr.push_back(block.indices.size());
      block.xrays.push_back(0);
      block.status.push_back(row ? all_sectors : std::uint8_t{0});
    }
    to.observe(block);
    to.write(*to.encode(block));
  }
}

}  // namespace
}  // namespace io

void import_events(const std::filesystem::path& input, const std::filesystem::path& output, const import_options& options) {
  using namespace io;
  (void)file_handle::open_read(input);
  const auto lock = hdf5_lock();
  try {
    const hdf5_handle file(H5Fopen(input.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "not an HDF5 file");
    const std::unique_ptr<row_source> rows = open_rows(file, options);
    store_description description;
    description.shape = rows->frame();
    description.scan = rows->scan();
    description.provenance = {{"program", std::string("countem ") + version},
                              {"command_line", options.command_line},
                              {"imported_from", input.string()}};
    const auto writer = create_event_store(output, description, {});
    copy_rows(*rows, *writer);
    writer->finish();
  } catch (const format_error& reason) {
    throw format_error(input.string() + ": " + reason.what());
  }
}

}  // namespace countem
