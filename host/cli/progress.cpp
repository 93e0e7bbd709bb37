#include "host/cli/progress.hpp"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/context.hpp"

namespace countem::cli {

namespace {

constexpr std::chrono::milliseconds redraw_every{100};
constexpr std::chrono::seconds line_every{5};
constexpr std::size_t widest_bar = 24;
constexpr std::size_t narrowest_bar = 5;
constexpr std::size_t bar_frame = 3;  // brackets and the space behind them

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds) + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

/// What is shown, the most wanted first.
std::vector<std::string> figures_of(const count_progress& now, double part, std::uint64_t bytes_per_frame) {
  const double rate = now.seconds > 0 ? static_cast<double>(now.frames_done) / now.seconds : 0;
  return {fmt::format("{:3.0f} %", 100 * part),
          left_text(now.seconds, part),
          fmt::format("{} of {} frames", with_separators(now.frames_done), with_separators(now.frames_total)),
          fmt::format("{} frames/s", with_separators(static_cast<std::uint64_t>(rate))),
          fmt::format("{:.2f} GB/s", rate * static_cast<double>(bytes_per_frame) / 1e9),
          fmt::format("{} events", with_separators(now.events))};
}

/// As many figures as fit, whole ones.
std::string joined(const std::vector<std::string>& figures, std::size_t columns) {
  std::string line;
  for (const std::string& figure : figures) {
    if (line.size() + 2 + figure.size() > columns) break;
    if (!line.empty()) line += "  ";
    line += figure;
  }
  return line;
}

/// Columns of the terminal behind stderr that can be written before it begins the next line.
std::size_t terminal_columns() {
  winsize size{};
  const bool told = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return (told ? size.ws_col : 80U) - 1U;
}

/// stderr is a terminal on which a line can be drawn over: not the dumb one, and nobody asked for plain text.
bool redraws_lines() {
  const char* const terminal = std::getenv("TERM");
  const char* const plain = std::getenv("NO_COLOR");
  const bool dumb = terminal == nullptr || *terminal == '\0' || std::string_view(terminal) == "dumb";
  return ::isatty(STDERR_FILENO) == 1 && !dumb && (plain == nullptr || *plain == '\0');
}

/// The bar takes what the figures leave.
std::string bar(double part, std::size_t columns) {
  if (columns < narrowest_bar + bar_frame) return {};
  const std::size_t width = std::min(widest_bar, columns - bar_frame);
  return fmt::format("[{:<{}}] ", std::string(static_cast<std::size_t>(part * static_cast<double>(width)), '='), width);
}

}  // namespace

progress_line::progress_line(bool quiet, std::chrono::milliseconds first_after)
    : quiet_(quiet), terminal_(redraws_lines()), next_(std::chrono::steady_clock::now()) {
  const std::chrono::milliseconds interval = terminal_ ? redraw_every : line_every;
  next_ += first_after.count() != 0 ? first_after : interval;
}

progress_line::~progress_line() {
  close();
}

bool progress_line::due(bool last) const {
  return !quiet_ && (std::chrono::steady_clock::now() >= next_ || (terminal_ && last));
}

void progress_line::show(double part, const std::vector<std::string>& figures) {
  next_ = std::chrono::steady_clock::now() + (terminal_ ? redraw_every : line_every);
  if (terminal_) {
    // A line that the terminal breaks could not be drawn over again.
    const std::size_t columns = terminal_columns();
    const std::string told = joined(figures, columns);
    // Erase to the end of the line: a shorter line must not leave the tail of a longer one.
    context::to_stderr(fmt::format("\r{}{}\x1b[K", bar(part, columns - told.size()), told));
    line_open_ = true;
  } else {
    context::to_stderr(joined(figures, std::string::npos) + "\n");
  }
}

void progress_line::close() {
  if (line_open_) context::to_stderr("\n");
  line_open_ = false;
}

void progress_display::update(const count_progress& now) {
  if (!line_.due(now.frames_done == now.frames_total)) return;
  const double part = part_of(now.frames_done, now.frames_total);
  line_.show(part, figures_of(now, part, bytes_per_frame_));
}

double part_of(std::uint64_t done, std::uint64_t total) {
  return total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
}

std::string left_text(double seconds, double part) {
  return clock_text(part > 0 ? seconds * (1 - part) / part : 0) + " left";
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
