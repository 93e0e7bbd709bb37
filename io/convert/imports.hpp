#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <countem/convert.hpp>
#include <countem/types.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/sources/source_issues.hpp"

// Event lists of other programs' files, one file a form. A form is its file and its line in the table of import_events.cpp.
namespace countem::io {

/// A file of event lists that can be read frame by frame.
class list_source {
 public:
  virtual ~list_source() = default;
  /// Shapes of the grid of events and of the scan, with what the file holds of what else a store describes.
  [[nodiscard]] virtual store_description description() const = 0;
  /// Appends the events of a frame, in any order; false where the file has none of it. Holds hdf5_lock() only while it reads.
  /// @throws format_error
  [[nodiscard]] virtual bool append_frame(std::uint64_t frame, std::vector<std::uint32_t>& events) = 0;
  /// What was found wrong so far with the file without stopping the import.
  [[nodiscard]] virtual std::vector<source_issue> take_issues() { return {}; }
};

/// @throws invalid_argument where a shape is given and it is not that of the file's frames
void require_given_frame(const std::filesystem::path& path, frame_shape shape, const import_options& options);

/// What a file describes that knows shapes alone.
[[nodiscard]] inline store_description described(frame_shape frame, scan_shape scan) {
  store_description made;
  made.shape = frame;
  made.scan = scan;
  return made;
}

/// The same of an HDF5 file, which also states its axes where an export of countem is, or was made into it. Callers hold
/// hdf5_lock(). @throws format_error when they contradict themselves
[[nodiscard]] store_description described(hid_t file, frame_shape frame, scan_shape scan);

/// Whether the file holds stempy's events, version 1 to 3.
[[nodiscard]] bool is_stempy(hid_t file);
/// @throws format_error
[[nodiscard]] std::unique_ptr<list_source> open_stempy(hid_t file, const import_options& options);

/// Whether the file holds a binsparse matrix.
[[nodiscard]] bool is_csr(hid_t file);
/// @throws format_error; invalid_argument when neither the file nor `options` give both shapes
[[nodiscard]] std::unique_ptr<list_source> open_csr(hid_t file, const import_options& options);

/// An EER file. Without a scan's shape every frame is a position of one line. @throws format_error; invalid_argument when
/// its frames are not of the shape that is given
[[nodiscard]] std::unique_ptr<list_source> open_eer(const std::filesystem::path& path, const import_options& options);

/// A TPX3 file. Without a scan's shape every mark begins a position of one line. @throws format_error; invalid_argument when
/// the marks in the file do not suffice for the scan that is given
[[nodiscard]] std::unique_ptr<list_source> open_tpx3(const std::filesystem::path& path, const import_options& options);

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
