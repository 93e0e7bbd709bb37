#pragma once

#include <optional>

#include <countem/work.hpp>

#include "host/cli/progress.hpp"

namespace countem::cli {

/// Shows on stderr how far the long work of the library is, while it lives; nothing where `quiet` is true by then.
class work_display {
 public:
  explicit work_display(const bool& quiet);
  ~work_display();
  work_display(const work_display&) = delete;
  work_display& operator=(const work_display&) = delete;

 private:
  void show(const work_progress& now);

  const bool& quiet_;
  std::optional<progress_line> line_;  ///< of the piece of work that is shown
};

/// "verifying 1,200 of 4,096 frames"; bytes in their largest unit.
[[nodiscard]] std::string words_of(const work_progress& now);

}  // namespace countem::cli
