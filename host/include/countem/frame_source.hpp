#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <countem/error.hpp>
#include <countem/frame.hpp>
#include <countem/input_file.hpp>
#include <countem/scan_path.hpp>
#include <countem/store_geometry.hpp>
#include <countem/types.hpp>

namespace countem {

/// The name of a format that raw frames come in: "v5", "npy", ... input_formats() lists those that are known;
/// docs/formats.md defines how each is laid out. Any short word can be held; only a known one can be opened.
class input_format {
 public:
  static constexpr std::size_t longest_name = 15;  ///< characters

  /// No format: an empty name.
  constexpr input_format() = default;
  /// @throws invalid_argument when the name is longer than longest_name.
  constexpr explicit input_format(std::string_view name) {
    if (name.size() > longest_name) throw invalid_argument("input format '" + std::string(name) + "' is not known");
    std::copy(name.begin(), name.end(), name_.begin());
  }

  [[nodiscard]] constexpr std::string_view name() const { return name_.data(); }  ///< empty for no format

  friend constexpr bool operator==(const input_format&, const input_format&) = default;

 private:
  std::array<char, longest_name + 1> name_{};
};

/// The format's name; valid as long as `format` is.
[[nodiscard]] constexpr std::string_view to_string(const input_format& format) {
  return format.name();
}

/// What holds for all input of a format: enough for a help text and to refuse options that do not go with it.
struct input_format_facts {
  input_format format;                       ///< its name
  std::string_view family{};                 ///< "4D Camera" for each of its versions; empty where a format stands alone
  std::vector<std::string_view> suffixes{};  ///< of files that are usually of this format, with the dot
  bool several_files = false;                ///< a scan may lie in several files
  bool needs_layout = false;                 ///< the files do not describe themselves: source_options::raw is required
  bool has_datasets = false;                 ///< source_options::dataset may name where in the file the frames are
  bool has_axes = false;                     ///< source_options::axes may state what the axes of the frames' array are
};

/// All formats that open_source() reads, in the order in which they are listed to a reader.
[[nodiscard]] std::vector<input_format_facts> input_formats();
/// @throws invalid_argument listing the known names.
[[nodiscard]] input_format_facts facts_of(const input_format& format);
/// @throws invalid_argument listing the known names.
[[nodiscard]] input_format input_format_from(std::string_view name);

/// Flat binary files: frames of one shape, one after another.
struct raw_layout {
  frame_shape shape{};                ///< of each frame
  pixel_type type = pixel_type::u16;  ///< of each pixel
  bool big_endian = false;            ///< byte order of the pixels in the file
  std::uint64_t offset_bytes = 0;     ///< before the first frame
  std::uint64_t gap_bytes = 0;        ///< between one frame and the next
  std::uint64_t frames = 0;           ///< in each file; 0: as many as it holds
  /// Type of a pixel in the file where frames are of no such type: "i8", "i16", "i32", "i64", "u64", "f16" or "f64";
  /// empty: `type`.
  std::string stored_as{};
};

/// How many frames a recording has if none is lost, as the scan that is wanted of it shows.
struct frames_wanted {
  std::uint64_t least = 0;  ///< without the flyback of the last line
  std::uint64_t most = 0;   ///< with it
};

/// How to open raw input. What is left unset is found out from the files.
struct source_options {
  std::optional<input_format> format;  ///< unset: recognised from contents and suffix
  /// Required where the format does not define it and more than a line of frames is wanted. 0 frames at each position: as many
  /// as the files state, else 1 (with_repeats()).
  std::optional<scan_shape> scan;
  /// How the recorded frames lie in that scan. A path that is not plain counts frames as they follow one another in the files,
  /// or in the scan that the files define; without `scan` it is that scan, its lines shorter by the flyback.
  scan_path path{};
  /// What follows from `scan` and `path` where `scan` is given; open_source() sets it for the formats, which are not shown the
  /// path.
  std::optional<frames_wanted> wanted{};
  std::optional<raw_layout> raw;  ///< required where input_format_facts::needs_layout
  /// `raw` describes the files only where their bytes show no other format.
  bool raw_unless_recognised = false;
  /// Dark references are wanted: a directory stands for its files named "dark...", if it has any. Otherwise these are left out
  /// where there are others beside them.
  bool darks = false;
  std::string dataset;  ///< HDF5: path of the dataset; empty: found by convention
  /// HDF5, NPY: what the array's axes stand for, in its order, with commas ("row,column,frame"); of frame, scan_row,
  /// scan_column, repeat, row, column. Empty: found by the convention of the program that wrote the file. Of darks: what holds
  /// for the frames (docs/formats.md); of no meaning for other formats.
  std::string axes;
  /// 4D Camera, versions 3 to 5: the headers of all records as save_record_headers() kept them (countem/record_headers.hpp);
  /// empty: they are read from the files.
  std::filesystem::path headers;
  /// HDF5: one image of a detector of this shape is wanted, such as a mask, a gain or a summed pattern, which may have two
  /// axes.
  std::optional<frame_shape> image;
  /// Lets frame_source::visit() show frames where the page cache holds them, which saves a copy of all that is counted. For
  /// this a handler for SIGBUS is installed, by which a page that can no longer be read becomes an io_error; other signals are
  /// passed on to the handler that was there before. Where the program blocks SIGBUS, or installs a handler of its own later,
  /// such a page ends the process. Off, since a library takes no signal unasked.
  bool in_place = false;
  /// Pixels of 64-bit floating point become the nearest of 32 bits, as factors and weights must; without it the nearest 1/16,
  /// as charges are (docs/formats.md).
  bool keep_fractions = false;
  /// Factor on every raw value: pixels become float32(raw * scale), the product in float64, before anything else is done with
  /// them; for data whose unit is not the detector's ADU. 1: they stay as they are, of their own type.
  double scale = 1;
};

/// What is known of an opened scan.
struct source_info {
  input_format format;                      ///< named or found out
  frame_shape shape{};                      ///< detector pixels of every frame
  pixel_type type = pixel_type::u16;        ///< as read() gives it, which may differ from what the file holds
  sector_split split = sector_split::none;  ///< how frames are divided into sectors
  scan_shape scan{};                        ///< given, claimed by the files, or one line
  scan_path path{};                         ///< how the frames of the files lie in it
  std::vector<input_file> files;            ///< in the order in which they are read
  std::vector<source_issue> issues;         ///< one per kind and file at most; the rest are counted in `occurrences`
  std::uint64_t missing_frames = 0;         ///< frames of the scan of which nothing arrived
  std::uint64_t incomplete_frames = 0;      ///< frames of the scan that lack a sector or were cut short
  std::string dataset;                      ///< HDF5: path of the dataset that holds the frames, or of the first of several
  std::string axes;                         ///< HDF5, NPY: what the array's axes stand for, in its order: "frame, row, column"
  axis_lengths lengths{};                   ///< that the files state for their axes, as they are those of the scan
  std::optional<scan_shape> stated_scan{};  ///< of which the files state a step; the scan may be another
  std::vector<std::uint8_t> masked;         ///< by pixel: not 0 where the file marks it as unusable; empty: it marks none
};

/// Whether something of a frame is there.
enum class frame_arrival : std::uint8_t { nothing, part, whole };

/// Raw frames of a scan, in any order. Opening reads every record's header; memory is a few bytes per
/// frame, never the frames themselves.
class frame_source {
 public:
  frame_source() = default;
  frame_source(const frame_source&) = delete;
  frame_source& operator=(const frame_source&) = delete;
  virtual ~frame_source() = default;

  /// What is known of the scan; the same as long as the source lives.
  [[nodiscard]] virtual const source_info& info() const = 0;

  /// Puts frames [first, first + count) into `batch`. Frames that never arrived have present == 0.
  /// Safe to call from several threads at once with different batches.
  /// @throws io_error naming file and record when the system fails to read; format_error where what is stored is damaged.
  virtual void read(std::uint64_t first, std::size_t count, frame_batch& batch) const = 0;

  /// Whether a frame arrived; as it is, it is read. @throws as read()
  [[nodiscard]] virtual frame_arrival arrival(std::uint64_t number) const;

  /// Takes consecutive frames, the first of which has this number. May throw to stop.
  using visitor = std::function<void(std::uint64_t first, std::span<const frame_view> frames)>;
  /// Shows frames [first, first + count) to `use`, in order and a few at a time: all of them where the page cache holds them,
  /// if source_options::in_place allows it, they are there and no pixel needs converting; else `most` at a time, read into
  /// `batch`. The views hold while `use` runs. A program that writes to the files meanwhile changes the pixels. Safe to
  /// call from several threads at once with different batches.
  /// @throws io_error as read() does; then what `use` was shown last may have been wrong.
  virtual void visit(std::uint64_t first, std::size_t count, std::size_t most, frame_batch& batch, const visitor& use) const;
};

/// Opens one scan from its files, in any order (one file where the format's `several_files` is false).
/// A directory stands for the files in it with a suffix of the format, but for what countem made of frames and for darks
/// (source_options::darks), which is an issue (`files_left_out`); FILE:/PATH names a dataset of an HDF5 file, as
/// source_options::dataset does. Of several files of a format with one file for a scan the only one whose name ends in
/// "_master" is opened.
/// @throws invalid_argument, format_error or io_error, naming file and record.
[[nodiscard]] std::unique_ptr<frame_source> open_source(const std::vector<std::filesystem::path>& inputs,
                                                        const source_options& options);

/// The files that open_source() would open, without opening them; files to which they lead are not among them.
/// @throws as open_source()
[[nodiscard]] std::vector<std::filesystem::path> find_source_files(const std::vector<std::filesystem::path>& inputs,
                                                                   const source_options& options);

/// The same for what will be opened later: files stay as they are given, and so does all of it where nothing is found.
[[nodiscard]] std::vector<std::filesystem::path> files_behind(const std::vector<std::filesystem::path>& inputs,
                                                              const source_options& options);

}  // namespace countem
