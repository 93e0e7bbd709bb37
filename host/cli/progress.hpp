#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <countem/pipeline.hpp>

namespace countem::cli {

/// Shows on stderr how a count goes: one line that redraws itself on a terminal, a plain line every few seconds elsewhere.
class progress_display {
 public:
  /// `bytes_per_frame`: raw bytes, for the GB/s. `quiet`: shows nothing.
  progress_display(std::uint64_t bytes_per_frame, bool quiet);
  ~progress_display();
  progress_display(const progress_display&) = delete;
  progress_display& operator=(const progress_display&) = delete;

  void update(const count_progress& now);
  /// Ends the redrawn line, so that what follows starts on a line of its own.
  void close();

 private:
  std::uint64_t bytes_per_frame_;
  bool quiet_;
  bool terminal_;
  bool line_open_ = false;
  std::chrono::steady_clock::time_point last_shown_;
};

/// 1234567 as "1,234,567".
[[nodiscard]] std::string with_separators(std::uint64_t number);

/// Bytes in the largest decimal unit that leaves at least 1: "1.42 GB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace countem::cli
