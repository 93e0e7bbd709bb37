#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <countem/chunk_encoder.hpp>
#include <countem/event_store.hpp>

#include "io/files/file.hpp"
#include "io/files/output_file.hpp"
#include "io/files/space_reservation.hpp"
#include "io/hdf5/handle.hpp"
#include "io/store/chunk_appender.hpp"
#include "io/store/chunk_footer.hpp"
#include "io/store/scan.hpp"
#include "io/store/virtual_frames.hpp"

// The writer of event stores, with what resume, recovery and merge need beyond the public interface.
namespace countem::io {

/// What an event store is laid out for.
struct store_contents {
  bool wide_counts = false;                     ///< dense pixels of 16 bits
  std::span<const saved_image> announced;       ///< images whose values follow
  std::span<const frames_elsewhere> elsewhere;  ///< frames that lie in other stores; empty: all will be stored here
};

/// Makes a store without frames in the file of an output, written to disk and closed again. @throws io_error
void lay_out(const output_file& output, const store_description& description, const store_contents& contents);

class hdf5_event_store_writer final : public event_store_writer {
 public:
  /// `output`: empty so far. `announced` as for create_event_store(). Closed without finish(), the file is removed, unless it
  /// is called PATH.part by then.
  /// @throws invalid_argument for a description that contradicts itself, io_error
  hdf5_event_store_writer(output_file output, const store_description& description, const store_options& options,
                          std::span<const saved_image> announced = {});
  ~hdf5_event_store_writer() override;

  void observe(const event_batch& events) override;
  [[nodiscard]] std::unique_ptr<encoded> encode(const event_batch& events) const override;
  void write(const encoded& frames) override;
  void finish(std::span<const saved_image> reductions, std::span<const source_issue> issues) override;
  std::filesystem::path abandon(std::span<const source_issue> issues) override;

  /// Issues that are recorded when the store is finished or abandoned, with those that are given then.
  void add_issues(std::span<const source_issue> earlier) { issues_.insert(issues_.end(), earlier.begin(), earlier.end()); }

  /// From here to end_appending() chunks are put behind the end of the file without HDF5 (chunk_appender.hpp); readers do not
  /// see them until then. Costs 9 bytes of memory for each frame of the scan.
  void begin_appending() { appending_.emplace(static_cast<std::size_t>(scan_.frames())); }
  /// Also called by finish() and abandon(). @throws io_error
  void end_appending();

  /// Writes whole chunks that another store held, as they are, of frames that follow one another. `chunks`: all of them, one
  /// after another.
  void write_whole(std::span<const chunk_footer> footers, std::span<const std::uint8_t> chunks);

  /// Writes status and X-ray tally of a frame that has no chunk.
  void write_missing(const frame_facts& facts);

  /// Makes the file durable as it stands and calls it PATH.part, which stays when it is closed without finish().
  /// @throws as output_file::become_part()
  void become_part();

 private:
  /// What waits for end_appending(), a number per frame of the scan each.
  struct appended_frames {
    explicit appended_frames(std::size_t frames) : counts(frames, not_written), status(frames), xrays(frames) {}
    void put(const frame_facts& facts, std::uint32_t events) {
      const auto frame = static_cast<std::size_t>(facts.frame);
      counts[frame] = events;
      status[frame] = facts.status;
      xrays[frame] = facts.xrays;
    }

    std::vector<std::uint32_t> counts;
    std::vector<std::uint8_t> status;
    std::vector<std::uint32_t> xrays;
    bool is_index_sought = false;          ///< HDF5 wrote a chunk, and with it the index
    std::optional<chunk_appender> chunks;  ///< nothing where HDF5 writes the others, too
  };

  void open();
  void append(std::uint64_t frame, std::span<const std::uint8_t> chunk);
  void seek_index();
  [[nodiscard]] hdf5_handle open_dataset(const char* path) const;
  void reserve(std::size_t chunk_bytes, std::size_t frames);
  void write_chunk(std::uint64_t frame, std::span<const std::uint8_t> chunk) const;
  template <class T>
  void write_per_frame(const hdf5_handle& dataset, std::uint64_t first, std::span<const T> values) const;
  void count_unflushed(std::uint64_t frames);
  void close();
  void record(std::span<const source_issue> issues, std::span<const saved_image> reductions = {});

  [[nodiscard]] std::string name() const { return output_.temporary().string(); }

  output_file output_;
  scan_shape scan_;
  chunked_dataset dataset_;  ///< of the chunks
  std::unique_ptr<chunk_encoder> encoder_;
  hdf5_handle file_;
  hdf5_handle data_, counts_, status_, xrays_;
  std::optional<space_reservation> space_;
  std::vector<source_issue> issues_;
  std::uint64_t unflushed_ = 0;
  std::optional<appended_frames> appending_;
  bool indexed_ = false;  ///< the chunk index, which grows with the scan, is in the file
};

/// Copies whole chunks from a file that was scanned into a new store.
/// @throws io_error also when a chunk is no longer what the scan found
void copy_chunks(const file_handle& from, std::span<const found_chunk> chunks, hdf5_event_store_writer& to);

/// A process that ended before its first frame leaves a file that is worth nothing. A large one is not looked through.
void remove_part_without_frames(const std::filesystem::path& part);

}  // namespace countem::io
