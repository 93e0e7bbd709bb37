#include "host/cli/work_display.hpp"

#include <fmt/core.h>

#include <chrono>

namespace countem::cli {

work_display::work_display(const bool& quiet) : quiet_(quiet) {
  watch_work([this](const work_progress& now) { show(now); });
}

work_display::~work_display() {
  watch_work({});
}

void work_display::show(const work_progress& now) {
  if (now.ended) {
    line_.reset();
    return;
  }
  if (!line_) line_.emplace(quiet_, std::chrono::milliseconds(1));
  if (!line_->due(false)) return;
  const double part = part_of(now.done, now.total);
  line_->show(part, {words_of(now), left_text(now.seconds, part)});
}

std::string words_of(const work_progress& now) {
  if (now.unit == "bytes") return fmt::format("{} {} of {}", now.doing, human_bytes(now.done), human_bytes(now.total));
  return fmt::format("{} {} of {} {}", now.doing, with_separators(now.done), with_separators(now.total), now.unit);
}

}  // namespace countem::cli
