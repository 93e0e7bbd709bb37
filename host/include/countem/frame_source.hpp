#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/frame.hpp>
#include <countem/types.hpp>

namespace countem {

/// The formats that raw frames come in; docs/formats.md says how each is laid out.
enum class input_format : std::uint8_t { v1, v2, v3, v4, v5, raw, npy, mrc, hdf5 };

/// A flat binary file: frames of one shape, one after another.
struct raw_layout {
  frame_shape shape{};
  pixel_type type = pixel_type::u16;
  bool big_endian = false;
  std::uint64_t offset_bytes = 0;  ///< before the first frame
  std::uint64_t gap_bytes = 0;     ///< between one frame and the next
};

/// How to open raw input. What is left unset is found out from the files.
struct source_options {
  std::optional<input_format> format;
  std::optional<scan_shape> scan;  ///< required where the format does not say and more than a line of frames is wanted
  std::optional<raw_layout> raw;   ///< required for input_format::raw
  std::string dataset;             ///< HDF5: path of the dataset; empty: found by convention
  /// Lets frame_source::visit() show frames where the page cache holds them, which saves a copy of all that is counted. For
  /// this a handler for SIGBUS is installed, by which a page that can no longer be read becomes an io_error; other signals are
  /// passed on to the handler that was there before. Where the program blocks SIGBUS, or installs a handler of its own later,
  /// such a page ends the process. Off, since a library takes no signal unasked.
  bool in_place = false;
};

/// Something wrong with the input that does not stop us: one clear sentence with file and record.
struct source_issue {
  std::string kind;  ///< short, stable, snake_case: "truncated_record", "missing_sector", "position_outside_scan", ...
  std::string text;
  std::uint64_t occurrences = 1;
  std::vector<advice> advised{};  ///< what to give, in the caller's words, so that it does not happen
};

struct input_file {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
};

struct source_info {
  input_format format = input_format::v5;
  frame_shape shape{};
  pixel_type type = pixel_type::u16;
  sector_split split = sector_split::none;
  scan_shape scan{};
  std::vector<input_file> files;
  std::vector<source_issue> issues;  ///< one per kind and file at most; the rest are counted in `occurrences`
  std::uint64_t missing_frames = 0;  ///< frames of the scan of which nothing arrived
};

/// Raw frames of a scan, in any order the caller likes. Opening looks at every record's header; memory is a few bytes per
/// frame, never the frames themselves.
class frame_source {
 public:
  frame_source() = default;
  frame_source(const frame_source&) = delete;
  frame_source& operator=(const frame_source&) = delete;
  virtual ~frame_source() = default;

  [[nodiscard]] virtual const source_info& info() const = 0;

  /// Puts frames [first, first + count) into `batch`. Frames that never arrived have present == 0.
  /// Safe to call from several threads at once with different batches.
  /// @throws io_error naming file and record when the operating system fails to read.
  virtual void read(std::uint64_t first, std::size_t count, frame_batch& batch) const = 0;

  using visitor = std::function<void(std::uint64_t first, std::span<const frame_view> frames)>;
  /// Shows frames [first, first + count) to `use`, in order and a few at a time: all of them where the page cache holds them,
  /// if source_options::in_place allows it, they are there and no pixel needs converting; else `most` at a time, read into
  /// `batch`. The views hold while `use` runs. Whoever writes to the files meanwhile changes pixels under its eyes. Safe to
  /// call from several threads at once with different batches.
  /// @throws io_error as read() does; then what `use` was shown last may have been wrong.
  virtual void visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch, const visitor& use) const;
};

/// Opens one scan from its files (4D Camera: all modules' files in any order; the others: one file).
/// A directory stands for the files in it that look like the format.
/// @throws invalid_argument, format_error or io_error, naming file and record.
[[nodiscard]] std::unique_ptr<frame_source> open_source(const std::vector<std::filesystem::path>& inputs,
                                                        const source_options& options);

[[nodiscard]] std::string_view to_string(input_format format);
/// @throws invalid_argument listing the known names.
[[nodiscard]] input_format input_format_from(std::string_view name);

}  // namespace countem
