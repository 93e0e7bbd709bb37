// HDF5 with a binsparse CSR matrix, frames x pixels.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include <countem/error.hpp>

#include "io/convert/imports.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/storage.hpp"

namespace countem::io {

namespace {

/// More events than this in one frame are no counted frame: four on each pixel of the largest detector.
constexpr std::uint64_t most_events_in_a_row = std::uint64_t{1} << 26U;

/// A CSR matrix of frames x pixels with binsparse's names; values are multiplicities.
class csr_rows final : public row_source {
 public:
  csr_rows(hid_t file, const import_options& options)
      : indices_(open_dataset(file, "indices_1")), values_(open_dataset(file, "values")) {
    const nlohmann::json tag = nlohmann::json::parse(read_text_attribute(file, "binsparse"), nullptr, false);
    const auto& matrix = tag.is_object() && tag.contains("binsparse") ? tag["binsparse"] : tag;
    if (!matrix.is_object() || !matrix.contains("format") || matrix["format"] != "CSR")
      throw format_error("the binsparse matrix is not in CSR form");
    require_whole_chunk(indices_, "dataset indices_1");
    require_whole_chunk(values_, "dataset values");
    const std::uint64_t most = most_elements(file);
    pointers_ = read_dataset<std::uint64_t>(file, "pointers_to_1", nullptr, most, {.highest = length(indices_)});
    if (length(indices_) > most)
      throw format_error("the file is too short for its " + std::to_string(length(indices_)) + " entries");
    if (pointers_.empty() || pointers_.front() != 0 || !std::is_sorted(pointers_.begin(), pointers_.end()) ||
        pointers_.back() != length(indices_) || (length(values_) != pointers_.back() && length(values_) != 1)) {
      throw format_error("pointers_to_1, indices_1 and values contradict each other");
    }
    same_value_ = length(values_) == 1 && pointers_.back() != 1;
    const bool described = has_attribute(file, "height");
    if (described) {
      frame_ = {side_of(file, "height"), side_of(file, "width")};
      scan_ = {side_of(file, "scan_height"), side_of(file, "scan_width"), side_of(file, "frames_per_position")};
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
    const std::uint64_t count = pointers_[row + 1] - pointers_[row];
    if (count > frame_.pixels()) throw format_error("row " + std::to_string(row) + " has more entries than pixels");
    if (row < rows_read_.begin || row >= rows_read_.end) read_rows(row);
    const std::size_t first = pointers_[row] - pointers_[rows_read_.begin];
    std::uint64_t total = 0;
    for (std::size_t i = first; i < first + count; ++i) {
      const std::uint32_t repeats = counts_[same_value_ ? 0 : i];
      if ((total += repeats) > most_events_in_a_row)
        throw format_error("row " + std::to_string(row) + " has values that are no numbers of events");
      events.insert(events.end(), repeats, pixels_[i]);
    }
  }

 private:
  static constexpr std::uint32_t most_repeats = 1 << 20U;
  static constexpr std::uint64_t entries_read_at_once = 1 << 19U;

  /// The rows from `row` on, one at least: HDF5 takes its time for each call.
  void read_rows(std::uint64_t row) {
    const auto lock = hdf5_lock();
    rows_read_ = {};
    const std::uint64_t start = pointers_[row];
    std::uint64_t end = row + 1;
    while (end + 1 < pointers_.size() && pointers_[end + 1] - start <= entries_read_at_once) ++end;
    const std::uint64_t count = pointers_[end] - start;
    pixels_ = slice<std::uint32_t>(indices_, "indices_1", start, count, static_cast<std::uint32_t>(frame_.pixels() - 1));
    counts_ = slice<std::uint32_t>(values_, "values", same_value_ ? 0 : start, same_value_ ? 1 : count, most_repeats);
    rows_read_ = {row, end};
  }

  static std::uint64_t length(hid_t dataset) {
    const hdf5_handle space(H5Dget_space(dataset), "dataset");
    return static_cast<std::uint64_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space)));
  }
  /// Numbers from 0 to `highest`.
  template <class T>
  static std::vector<T> slice(hid_t dataset, const char* name, hsize_t start, hsize_t count, T highest) {
    std::vector<T> values(static_cast<std::size_t>(count));
    read_slab<T>(dataset, {{start}, {count}}, values, name, {.highest = highest});
    return values;
  }

  hdf5_handle indices_;
  hdf5_handle values_;
  std::vector<std::uint64_t> pointers_;
  bool same_value_ = false;  ///< one number stands for all
  struct {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  } rows_read_;
  std::vector<std::uint32_t> pixels_;  ///< of rows_read_
  std::vector<std::uint32_t> counts_;
  frame_shape frame_;
  scan_shape scan_;
};

}  // namespace

bool is_csr(hid_t file) {
  return has_attribute(file, "binsparse");
}

std::unique_ptr<row_source> open_csr(hid_t file, const import_options& options) {
  return std::make_unique<csr_rows>(file, options);
}

}  // namespace countem::io
