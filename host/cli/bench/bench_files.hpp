#pragma once

#include <filesystem>
#include <memory>

#include <countem/frame_source.hpp>
#include <countem/pipeline.hpp>

#include "host/cli/bench/bench_frames.hpp"
#include "io/files/output_file.hpp"

namespace countem::cli {

/// A file to measure with: never finished, so that it goes with its object.
inline constexpr output_kind measured_file{"a file to measure with", [](const std::filesystem::path&) { return false; }};

/// Reads all of so many bytes. @throws io_error
void read_measured(const io::file_handle& file, std::uint64_t offset, std::byte* to, std::uint64_t bytes);

/// The frames of a bench in a file, counted from there into a store, both gone with the object.
class bench_files {
 public:
  /// @throws io_error
  bench_files(const std::filesystem::path& folder, const bench_frames& frames);

  /// Seconds from the first read to the last write of a store in the same folder. `threads` as for pipeline_options.
  [[nodiscard]] double count_seconds(const counting_setup& setup, backend where, unsigned threads) const;
  /// Seconds that so many threads take to copy all bytes of the file to memory: its page cache's rate once it was read.
  [[nodiscard]] double read_seconds(unsigned threads) const;

 private:
  std::filesystem::path folder_;
  std::uint64_t bytes_;
  io::output_file file_;
  std::unique_ptr<frame_source> source_;
};

}  // namespace countem::cli
