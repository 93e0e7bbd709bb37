#pragma once

#include "host/cli/context.hpp"

namespace countem::cli {

/// Prints the sizes of large outputs before they are made, while it lives.
class size_display {
 public:
  explicit size_display(context& ctx);
  ~size_display();
  size_display(const size_display&) = delete;
  size_display& operator=(const size_display&) = delete;
};

}  // namespace countem::cli
