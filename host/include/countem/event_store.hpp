#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <countem/calibration.hpp>
#include <countem/counting.hpp>
#include <countem/input_file.hpp>
#include <countem/output.hpp>
#include <countem/saved_image.hpp>
#include <countem/store_geometry.hpp>
#include <countem/types.hpp>

namespace countem {

/// Where counted events go. The pipeline knows files only through this interface.
class event_sink {
 public:
  /// Encoded frames of one batch, opaque to the pipeline.
  class encoded {
   public:
    virtual ~encoded() = default;
  };

  event_sink() = default;
  event_sink(const event_sink&) = delete;
  event_sink& operator=(const event_sink&) = delete;
  virtual ~event_sink() = default;

  /// Called once per batch, in frame order, before that batch is encoded: the encoder may learn from the events' statistics.
  virtual void observe(const event_batch& events) = 0;
  /// Safe to call from several threads at once, while later batches are observed.
  [[nodiscard]] virtual std::unique_ptr<encoded> encode(const event_batch& events) const = 0;
  /// Called in frame order. @throws io_error (disk full and the like); what was written before stays recoverable.
  virtual void write(const encoded& frames) = 0;
};

/// "Not written": the count of a frame that never arrived.
inline constexpr std::uint32_t not_written = 0xffff'ffff;

/// Whether a frame of this status arrived, at least one sector of it: such a frame has events, perhaps none, and a chunk.
[[nodiscard]] constexpr bool has_arrived(std::uint8_t status) {
  return (status & status_sectors) != 0;
}

/// Everything the store holds besides the events.
struct store_description {
  frame_shape shape{};       ///< of the event grid
  scan_shape scan{};         ///< positions and frames at each
  store_geometry geometry;   ///< what the axes mean
  counting_options options;  ///< how the frames were counted
  calibration calibrated;    ///< what the frames were counted with
  /// Name and text of each provenance attribute: command_line, version, backend, inputs (JSON), seed, ...
  std::vector<std::pair<std::string, std::string>> provenance;
};

/// How a store is written.
struct store_options {
  bool wide_counts = false;  ///< u16 instead of u8 multiplicity
  bool fast_sparse = false;  ///< append the compact copy of the indices to every chunk
  /// The unfinished file is called PATH.part and stays without finish(), so that a count can be resumed from it; else it is
  /// worth nothing and is removed.
  bool keep_unfinished = true;
  friend bool operator==(const store_options&, const store_options&) = default;
};

/// Writes the HDF5 event store (docs/event_store.md) under a temporary name in the folder of `path`, renamed by finish().
class event_store_writer : public event_sink {
 public:
  /// Writes the values of the images that were announced when the store was made (the same names, types and extents), and what
  /// was found wrong with the input meanwhile to the provenance `issues`; makes the file durable and gives it its name.
  /// @throws io_error, invalid_argument as check_output()
  virtual void finish(std::span<const saved_image> reductions = {}, std::span<const source_issue> issues = {}) = 0;
  /// Closes what was written so far under the temporary name, records the issues there, and returns that name. @throws io_error
  virtual std::filesystem::path abandon(std::span<const source_issue> issues = {}) = 0;
};

extern const output_kind event_store_output;  ///< a finished event store

/// Creates PATH.part with the description and every object of the store, ready for the first frame. The caller owns the writer.
/// `announced`: images that finish() will give values to, or that have them already; their own values are ignored. No
/// object is made later, since readers may follow the file from now on.
/// @throws invalid_argument when the description contradicts itself, when PATH.part is there, or as check_output(); io_error
[[nodiscard]] std::unique_ptr<event_store_writer> create_event_store(const std::filesystem::path& path,
                                                                     const store_description& description,
                                                                     const store_options& options,
                                                                     const output_rules& rules = {},
                                                                     std::span<const saved_image> announced = {});

/// An unfinished store that is being resumed.
struct resumed_event_store {
  std::unique_ptr<event_store_writer> writer;  ///< never null; owned by the caller
  std::uint64_t next_frame = 0;                ///< frames before it are safe; give it to the pipeline as its first frame
};

/// Resumes what an interrupted or killed count left in PATH.part: every frame before the first damaged chunk is kept. Without
/// such a file, the same as create_event_store(). The unfinished file is replaced only when all of it was copied.
/// @throws invalid_argument naming each difference when it was counted with another description, io_error, also when another
/// process writes it, format_error.
[[nodiscard]] resumed_event_store resume_event_store(const std::filesystem::path& path, const store_description& description,
                                                     const store_options& options, const output_rules& rules = {});

/// What recover_event_store() found.
struct recovery_report {
  std::uint64_t frames = 0;            ///< saved
  std::uint64_t events = 0;            ///< in them
  std::uint64_t scan_frames = 0;       ///< frames of the whole scan
  std::vector<std::uint64_t> damaged;  ///< frames of which something is there, but not what was written
  std::vector<source_issue> issues;    ///< the broken file changed while it was read
};

/// Saves every frame that reached the file, whatever state its HDF5 metadata is in, into a new store. The broken file is only
/// read. What it saves may be less than what a finished store of that name holds, so none is replaced unless the rules allow
/// it.
/// @throws io_error, format_error when the file holds no description of an event store, invalid_argument as check_output()
recovery_report recover_event_store(const std::filesystem::path& broken, const std::filesystem::path& fixed,
                                    output_rules rules = {existing_file::kept, {}});

/// What merge_event_stores() wrote.
struct merge_report {
  std::uint64_t frames = 0;          ///< of all parts together
  std::uint64_t events = 0;          ///< in them
  std::uint64_t shared = 0;          ///< frames that several parts hold, with the same content
  std::uint64_t scan_frames = 0;     ///< frames of the whole scan; those that no part holds stay "not written"
  std::vector<source_issue> issues;  ///< parts that changed while they were read
};

/// Makes one store of the parts of a scan, which are finished or recovered stores of the whole scan's shape that hold some of
/// its frames. Chunks are copied as they are. Description and provenance are the first part's, with the provenance
/// `merged_from`, a JSON list of the parts; the parts' reductions are not copied. The parts are only read.
/// @throws invalid_argument naming each difference when a part was counted with another description than the first, when a
/// frame is in two parts with different content, or when `output` is a part; io_error when a part is missing; format_error when
/// a part is damaged.
merge_report merge_event_stores(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output,
                                output_rules rules = {});

/// Makes a store that holds no frames but leads to those of the parts, which are those of merge_event_stores(), in the folder
/// of `output`: an HDF5 virtual dataset. It takes no time and no space, and holds as long as the parts stay where they are.
/// open_event_store() and verify_event_store() follow it, and refuse it where a part is gone; other programs read zeros there.
/// @throws as merge_event_stores(); invalid_argument when a part lies elsewhere
merge_report link_event_stores(const std::vector<std::filesystem::path>& parts, const std::filesystem::path& output,
                               output_rules rules = {});

/// A finished store, read only.
class event_store {
 public:
  event_store() = default;
  event_store(const event_store&) = delete;
  event_store& operator=(const event_store&) = delete;
  virtual ~event_store() = default;

  /// Everything but the events. Valid as long as the store.
  [[nodiscard]] virtual const store_description& description() const = 0;
  /// Frames of the whole scan, those that never arrived included.
  [[nodiscard]] virtual std::uint64_t frames() const = 0;
  /// Events per frame; not_written where the frame never arrived.
  [[nodiscard]] virtual const std::vector<std::uint32_t>& counts() const = 0;
  /// frame_status bits per frame.
  [[nodiscard]] virtual const std::vector<std::uint8_t>& status() const = 0;
  /// X-ray tally per frame.
  [[nodiscard]] virtual const std::vector<std::uint32_t>& xrays() const = 0;
  /// The file that is read; empty for a store that is none.
  [[nodiscard]] virtual std::span<const input_file> files() const { return {}; }
  /// Events of frames [first, first + count), CRC-checked; `threads` 0: all cores.
  /// Not safe to call from several threads at once on one store.
  /// @throws format_error naming the frame when a chunk is damaged.
  virtual void read(std::uint64_t first, std::size_t count, event_batch& out, unsigned threads = 0) const = 0;
};

/// @throws io_error, format_error.
[[nodiscard]] std::unique_ptr<event_store> open_event_store(const std::filesystem::path& path);

/// What a store that is still being written (NAME.part) holds by now: frames up to the writer's last flush or a little beyond.
/// Open it again to see more. A store of a killed writer is shown the same way, as far as its HDF5 metadata reaches; use
/// recover_event_store() to get all of it.
/// @throws io_error, format_error.
[[nodiscard]] std::unique_ptr<event_store> open_running_event_store(const std::filesystem::path& path);

/// Checks structure, every CRC, counts against data, order of indices and provenance; returns one sentence per fault found.
/// @throws io_error when the file cannot be opened at all.
[[nodiscard]] std::vector<std::string> verify_event_store(const std::filesystem::path& path, unsigned threads = 0);

}  // namespace countem
