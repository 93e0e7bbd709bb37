#pragma once

#include <hdf5.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/convert.hpp>
#include <countem/types.hpp>

#include "io/hdf5/attribute.hpp"

// Event lists of other programs' HDF5 files, one file a form. A form is its file and its line in the table of
// import_events.cpp.
namespace countem::io {

/// A file of event lists, one per row, that can be read row by row.
class row_source {
 public:
  virtual ~row_source() = default;
  /// Shape of the frames, in pixels.
  [[nodiscard]] virtual frame_shape frame() const = 0;
  /// Shape of the scan, with its frames per position.
  [[nodiscard]] virtual scan_shape scan() const = 0;
  /// The row that holds a frame; nothing where the file has none.
  [[nodiscard]] virtual std::optional<std::uint64_t> row_of(std::uint64_t frame) const = 0;
  /// Appends the events of a row, in any order. Holds hdf5_lock() only while it reads. @throws format_error
  virtual void append_row(std::uint64_t row, std::vector<std::uint32_t>& events) = 0;
};

/// Whether the file holds stempy's events, version 1 to 3.
[[nodiscard]] bool is_stempy(hid_t file);
/// @throws format_error
[[nodiscard]] std::unique_ptr<row_source> open_stempy(hid_t file, const import_options& options);

/// Whether the file holds a binsparse matrix.
[[nodiscard]] bool is_csr(hid_t file);
/// @throws format_error; invalid_argument when neither the file nor `options` give both shapes
[[nodiscard]] std::unique_ptr<row_source> open_csr(hid_t file, const import_options& options);

/// An extent that an attribute holds, 1 or more. @throws format_error
[[nodiscard]] inline std::uint32_t side_of(hid_t object, const std::string& name) {
  return read_number_attribute<std::uint32_t>(object, name, {.lowest = 1});
}

/// The most elements that a file of this size can hold. A small file must not make us believe in large arrays: HDF5 gives fill
/// values for what was never written, and deflate gains at most a factor of 1032. @throws io_error
[[nodiscard]] std::uint64_t most_elements(hid_t file);

/// Frames that are read in one go.
inline constexpr std::size_t import_block_frames = 1024;

}  // namespace countem::io
