// HDF5 with a binsparse CSR matrix, frames x pixels.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include <countem/error.hpp>

#include "io/convert/column_reader.hpp"
#include "io/convert/imports.hpp"
#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "io/hdf5/storage.hpp"

namespace countem::io {

namespace {

/// More events than this in one frame are no counted frame: four on each pixel of the largest detector.
constexpr std::uint64_t most_events_in_a_row = std::uint64_t{1} << 26U;

/// A CSR matrix of frames x pixels with binsparse's names; values are multiplicities.
class csr_rows final : public list_source {
 public:
  csr_rows(hid_t file, const import_options& options)
      : indices_(open_dataset(file, "indices_1"), "indices_1"), values_(open_dataset(file, "values"), "values") {
    const nlohmann::json tag = nlohmann::json::parse(read_text_attribute(file, "binsparse"), nullptr, false);
    const auto& matrix = tag.is_object() && tag.contains("binsparse") ? tag["binsparse"] : tag;
    if (!matrix.is_object() || !matrix.contains("format") || matrix["format"] != "CSR")
      throw format_error("the binsparse matrix is not in CSR form");
    require_whole_chunk(indices_.dataset(), "dataset indices_1");
    require_whole_chunk(values_.dataset(), "dataset values");
    const std::uint64_t most = most_elements(file);
    pointers_ = read_dataset<std::uint64_t>(file, "pointers_to_1", nullptr, most, {.highest = indices_.length()});
    if (indices_.length() > most)
      throw format_error("the file is too short for its " + std::to_string(indices_.length()) + " entries");
    if (pointers_.empty() || pointers_.front() != 0 || !std::is_sorted(pointers_.begin(), pointers_.end()) ||
        pointers_.back() != indices_.length() || (values_.length() != pointers_.back() && values_.length() != 1)) {
      throw format_error("pointers_to_1, indices_1 and values contradict each other");
    }
    same_value_ = values_.length() == 1 && pointers_.back() != 1;
    if (has_attribute(file, "height")) {
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
    description_ = described(file, frame_, scan_);
  }

  [[nodiscard]] store_description description() const override { return description_; }

  [[nodiscard]] bool append_frame(std::uint64_t row, std::vector<std::uint32_t>& events) override {
    const std::uint64_t count = pointers_[row + 1] - pointers_[row];
    if (count > frame_.pixels()) throw format_error("row " + std::to_string(row) + " has more entries than pixels");
    if (row < rows_read_.begin || row >= rows_read_.end) read_rows(row);
    const std::size_t first = pointers_[row] - pointers_[rows_read_.begin];
    if (!same_value_ && std::ranges::all_of(std::span(counts_).subspan(first, count), [](std::uint32_t n) { return n == 1; })) {
      const auto begin = pixels_.begin() + static_cast<std::ptrdiff_t>(first);
      events.insert(events.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
      return true;
    }
    std::uint64_t total = 0;
    for (std::size_t i = first; i < first + count; ++i) {
      const std::uint32_t repeats = counts_[same_value_ ? 0 : i];
      if ((total += repeats) > most_events_in_a_row)
        throw format_error("row " + std::to_string(row) + " has values that are no numbers of events");
      events.insert(events.end(), repeats, pixels_[i]);
    }
    return true;
  }

 private:
  static constexpr std::uint32_t most_repeats = 1 << 20U;
  static constexpr std::uint64_t entries_read_at_once = 1 << 21U;

  /// The rows from `row` on, one at least: so many at once that all threads have chunks to unpack.
  void read_rows(std::uint64_t row) {
    rows_read_ = {};
    const std::uint64_t start = pointers_[row];
    std::uint64_t end = row + 1;
    while (end + 1 < pointers_.size() && pointers_[end + 1] - start <= entries_read_at_once) ++end;
    const std::uint64_t count = pointers_[end] - start;
    pixels_.resize(static_cast<std::size_t>(count));
    counts_.resize(static_cast<std::size_t>(same_value_ ? 1 : count));
    indices_.read(start, pixels_, static_cast<std::uint32_t>(frame_.pixels() - 1));
    values_.read(same_value_ ? 0 : start, counts_, most_repeats);
    rows_read_ = {row, end};
  }

  column_reader indices_;
  column_reader values_;
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
  store_description description_;
};

}  // namespace

bool is_csr(hid_t file) {
  return has_attribute(file, "binsparse");
}

std::unique_ptr<list_source> open_csr(hid_t file, const import_options& options) {
  return std::make_unique<csr_rows>(file, options);
}

}  // namespace countem::io
