#include "host/cli/size_display.hpp"

#include <countem/large_output.hpp>

namespace countem::cli {

size_display::size_display(context& ctx) {
  watch_large_outputs([&ctx](const large_output& expected) {
    if (expected.free_bytes && *expected.free_bytes < expected.bytes) {
      ctx.warn(size_words(expected) + ": it may not fit; make room there, or name an output on another file system");
    } else {
      ctx.inform("{}", size_words(expected));
    }
  });
}

size_display::~size_display() {
  watch_large_outputs({});
}

}  // namespace countem::cli
