#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/input_file.hpp>
#include <countem/output.hpp>
#include <countem/source_issue.hpp>
#include <countem/types.hpp>

namespace countem {

/// Forms in which other programs take events.
enum class export_format : std::uint8_t {
  stempy,   ///< stempy's HDF5 version 3
  csr,      ///< HDF5 with a binsparse 0.1 CSR matrix, frames x pixels
  raw_csr,  ///< LiberTEM's raw_csr: a TOML file and three raw files in its folder
  npz,      ///< what scipy.sparse.load_npz takes
  dense,    ///< .npy or .h5, by the output's name: u16 counts of every pixel
};

/// One of these forms in words; docs/conversion.md shows the same table.
struct export_form {
  export_format format{};            ///< the enumerator
  std::string_view name;             ///< its name on the command line and in Python
  std::string_view writes;           ///< the files that come out
  std::string_view opens_in;         ///< programs and calls that read them
  std::string_view repeated_pixels;  ///< how several events at one pixel of a frame are kept
  std::string_view other_facts;      ///< how values, X-rays and status are kept
};

/// All forms, in the order of the enumeration.
[[nodiscard]] std::span<const export_form> export_forms();

/// Their names as a list in a sentence, "stempy, csr or dense"; with `last`, that word comes after them all.
[[nodiscard]] std::string export_form_names(std::string_view last = {});

/// @throws invalid_argument listing the known names.
[[nodiscard]] export_format export_format_from(std::string_view name);

/// What a form writes.
[[nodiscard]] const output_kind& export_output(export_format form);

/// Writes all events in another form, in bounded memory. Returns one sentence for each thing that the form could not carry.
/// The store's own file is never replaced.
/// @throws io_error, format_error, invalid_argument, also as check_output()
[[nodiscard]] std::vector<std::string> export_events(const event_store& store, const std::filesystem::path& output,
                                                     export_format form, output_rules rules = {});

/// What a file that is not a store may not define.
struct import_options {
  std::optional<scan_shape> scan;    ///< required where the file does not define it
  std::optional<frame_shape> frame;  ///< shape of the detector; required where the file does not define it
  std::string command_line;          ///< for the provenance
  /// Of TPX3, microseconds: each mark of the scan begins a line of positions of this time. Without, each begins a position.
  std::optional<double> dwell_us;
  /// Of TPX3, nanoseconds, 200 where it is not given: hits of an electron lie within this time.
  std::optional<double> cluster_ns;
};

/// Makes an event store of stempy's HDF5 versions 1 to 3, of an HDF5 file with a binsparse CSR matrix, of an EER file, whose
/// electrons keep the parts of a pixel in which they were found (upsample 4), or of a TPX3 file, whose hits are joined to
/// electrons in space and time. Returns what is wrong with the input without stopping the import: frames that cannot be read,
/// which are missing in the store; it changed while it was read.
/// @throws io_error, format_error naming what is wrong, invalid_argument when a shape is neither in the file nor given, or as
/// check_output()
std::vector<source_issue> import_events(const std::filesystem::path& input, const std::filesystem::path& output,
                                        const import_options& options, output_rules rules = {});

/// Hits of a detector with their times, and the marks of other devices among them.
struct timed_hits_facts {
  std::uint64_t hits = 0;                ///< as they were sent, before any are joined to electrons
  std::vector<unsigned> chips;           ///< numbers of those that sent something, ascending
  std::array<std::uint64_t, 4> marks{};  ///< rising edges of inputs 1 and 2, falling edges of inputs 1 and 2
  double duration_s = 0;                 ///< from the first of all to the last
};

/// What a file holds of which import_events() makes a store.
struct event_file_facts {
  std::string_view format;                ///< "eer", "tpx3", "stempy" or "csr"
  input_file file;                        ///< as it was when it was opened
  frame_shape frame{};                    ///< of the detector, in pixels
  std::uint32_t upsample = 1;             ///< places of an electron in a pixel along each axis
  std::optional<scan_shape> scan;         ///< as it would be imported; nothing where only marks in time define it
  std::optional<timed_hits_facts> times;  ///< of TPX3
  std::vector<source_issue> issues;       ///< what an import would report of what was read
};

/// Describes such a file without going through its events, but for TPX3, which is read once. Nothing where it is no such file.
/// `scan`: as in import_options. @throws io_error, format_error, invalid_argument as import_events()
[[nodiscard]] std::optional<event_file_facts> describe_event_file(const std::filesystem::path& input,
                                                                  const std::optional<scan_shape>& scan = {});

}  // namespace countem
