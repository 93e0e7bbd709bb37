#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/store/chunk_footer.hpp"
#include "io/store/writer.hpp"
#include "threads/ahead.hpp"

namespace countem::io {

/// Writes whole chunks into a store, those of frames that follow one another together, while its owner reads the next. The
/// owner does not hold hdf5_lock() meanwhile.
class chunk_copy {
 public:
  explicit chunk_copy(hdf5_event_store_writer& to) : to_(to), writing_(0) {}

  /// @throws io_error, about earlier chunks too
  void put(const chunk_footer& footer, std::span<const std::uint8_t> chunk);
  /// All that was put is written. @throws as put()
  void finish();

 private:
  /// Chunks of frames that follow one another.
  struct stretch {
    std::vector<chunk_footer> footers;
    std::vector<std::uint8_t> bytes;
  };

  void write_kept();

  hdf5_event_store_writer& to_;
  stretch kept_;
  stretch written_;
  ahead writing_;
};

}  // namespace countem::io
