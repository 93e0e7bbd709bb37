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
#include "io/store/chunk_footer.hpp"
#include "io/store/frame_appender.hpp"
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

/// HDF5 makes the file, and with the first chunk the index; all others are put behind its end without HDF5
/// (frame_appender.hpp).
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

  /// Writes whole chunks that another store held, as they are, of frames that follow one another. `chunks`: all of them, one
  /// after another.
  void write_whole(std::span<const chunk_footer> footers, std::span<const std::uint8_t> chunks);

  /// Writes status and X-ray tally of a frame that has no chunk.
  void write_missing(const frame_facts& facts);

  /// Makes the file durable as it stands and calls it PATH.part, which stays when it is closed without finish(). From now on
  /// readers that follow it (SWMR) see each frame when its write() returns.
  /// @throws as output_file::become_part()
  void become_part();

 private:
  void open();
  void put(std::span<const stored_frame> frames);
  void put_by_hdf5(std::span<const stored_frame> frames);
  void begin_appending();
  void end_appending();
  [[nodiscard]] hdf5_handle open_dataset(const char* path) const;
  void reserve(std::size_t chunk_bytes, std::size_t frames);
  void write_chunk(std::uint64_t frame, std::span<const std::uint8_t> chunk) const;
  template <class T>
  void write_per_frame(const hdf5_handle& dataset, std::uint64_t first, std::span<const T> values) const;
  void flush();
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
  bool is_followed_ = false;                 ///< readers see what was put
  bool indexed_ = false;                     ///< HDF5 wrote a chunk, and with it the index, which grows with the scan
  std::optional<frame_appender> appending_;  ///< once there is an index, unless it is of a kind that HDF5 alone writes
};

/// Copies whole chunks from a file that was scanned into a new store.
/// @throws io_error also when a chunk is no longer what the scan found
void copy_chunks(const file_handle& from, std::span<const found_chunk> chunks, hdf5_event_store_writer& to);

/// A process that ended before its first frame leaves a file that is worth nothing. A large one is not looked through.
void remove_part_without_frames(const std::filesystem::path& part);

}  // namespace countem::io
