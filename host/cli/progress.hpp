#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <countem/pipeline.hpp>

namespace countem::cli {

/// A line on stderr about a task that takes its time: it redraws itself on a terminal, and is a plain line every few seconds
/// elsewhere.
class progress_line {
 public:
  /// `quiet`: shows nothing. `first_after`: nothing is shown before, so that short tasks show none; zero: when a line is due.
  explicit progress_line(bool quiet, std::chrono::milliseconds first_after = {});
  ~progress_line();
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  /// Whether the line is shown if it is given now; `last`: nothing follows.
  [[nodiscard]] bool due(bool last) const;
  /// `part`: of the task, 0 to 1. `figures`: the most wanted first; as many are shown as fit.
  void show(double part, const std::vector<std::string>& figures);
  /// Ends the redrawn line, so that what follows starts on a line of its own.
  void close();

 private:
  bool quiet_;
  bool terminal_;
  bool line_open_ = false;
  std::chrono::steady_clock::time_point next_;
};

/// Shows how a count goes.
class progress_display {
 public:
  /// `bytes_per_frame`: raw bytes, for the GB/s. `quiet`: shows nothing.
  progress_display(std::uint64_t bytes_per_frame, bool quiet) : bytes_per_frame_(bytes_per_frame), line_(quiet) {}

  void update(const count_progress& now);
  void close() { line_.close(); }

 private:
  std::uint64_t bytes_per_frame_;
  progress_line line_;
};

/// The part of a task that is done, 0 to 1; all of one without anything to do.
[[nodiscard]] double part_of(std::uint64_t done, std::uint64_t total);

/// "0:42 left", of a task that has done a part in so many seconds.
[[nodiscard]] std::string left_text(double seconds, double part);

/// 1234567 as "1,234,567".
[[nodiscard]] std::string with_separators(std::uint64_t number);

/// Bytes in the largest decimal unit that leaves at least 1: "1.42 GB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

}  // namespace countem::cli
