#include "host/cli/progress.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace countem::cli {

namespace {

constexpr std::chrono::milliseconds redraw_every{100};
constexpr std::chrono::seconds line_every{5};
constexpr std::size_t bar_width = 24;

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds) + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

progress_display::progress_display(std::uint64_t bytes_per_frame, bool quiet)
    : bytes_per_frame_(bytes_per_frame),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) == 1),
      last_shown_(std::chrono::steady_clock::now()) {}

progress_display::~progress_display() { close(); }

void progress_display::update(const count_progress& now) {
  if (quiet_) return;
  const auto time = std::chrono::steady_clock::now();
  const bool last = now.frames_done == now.frames_total;
  if (terminal_ ? time - last_shown_ < redraw_every && !last : time - last_shown_ < line_every) return;
  last_shown_ = time;

  const double part = now.frames_total == 0 ? 1 : static_cast<double>(now.frames_done) / static_cast<double>(now.frames_total);
  const double rate = now.seconds > 0 ? static_cast<double>(now.frames_done) / now.seconds : 0;
  const double left = part > 0 ? now.seconds * (1 - part) / part : 0;
  const std::string figures =
      fmt::format("{:3.0f} %  {} of {} frames  {} frames/s  {:.2f} GB/s  {} events  {} left", 100 * part,
                  with_separators(now.frames_done), with_separators(now.frames_total),
                  with_separators(static_cast<std::uint64_t>(rate)), rate * static_cast<double>(bytes_per_frame_) / 1e9,
                  with_separators(now.events), clock_text(left));
  if (terminal_) {
    const auto filled = static_cast<std::size_t>(part * bar_width);
    // Erase to the end of the line: a shorter line must not leave the tail of a longer one.
    fmt::print(stderr, "\r[{:<{}}] {}\x1b[K", std::string(filled, '='), bar_width, figures);
    line_open_ = true;
  } else {
    fmt::print(stderr, "{}\n", figures);
  }
  std::fflush(stderr);
}

void progress_display::close() {
  if (line_open_) fmt::print(stderr, "\n");
  line_open_ = false;
}

std::string with_separators(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < units.size(); ++unit) value /= 1000;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", value, units[unit]);
}

}  // namespace countem::cli
