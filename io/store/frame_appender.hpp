#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/store/chunk_appender.hpp"
#include "io/store/chunk_footer.hpp"

namespace countem::io {

/// A frame as a store holds it.
struct stored_frame {
  frame_facts facts;
  std::uint32_t events = 0;             ///< or not_written
  std::span<const std::uint8_t> chunk;  ///< empty: the frame has none
};

/// Where the numbers of each frame lie, one behind the other: addresses in the file.
struct frame_numbers {
  std::uint64_t counts = undefined_address;
  std::uint64_t status = undefined_address;
  std::uint64_t xrays = undefined_address;
};

/// Puts frames into a closed store without HDF5: chunks behind its end, numbers where HDF5 made room for them.
class frame_appender {
 public:
  /// As chunk_appender::open(). @throws io_error
  [[nodiscard]] static std::optional<frame_appender> open(const file_handle& file, const chunked_dataset& chunks,
                                                          const frame_numbers& numbers);

  /// Best in rising order. @throws io_error
  void put(const stored_frame& frame);

  /// As of chunk_appender; the numbers follow the chunks. @throws io_error
  void publish();
  void finish();

  /// Where the file will end.
  [[nodiscard]] std::uint64_t end() const { return chunks_.end(); }

 private:
  frame_appender(const file_handle& file, chunk_appender&& chunks, const frame_numbers& numbers)
      : file_(&file), chunks_(std::move(chunks)), numbers_(numbers) {}
  void write_numbers();

  const file_handle* file_;
  chunk_appender chunks_;
  frame_numbers numbers_;
  std::uint64_t first_ = 0;  ///< of the frames whose numbers wait, which follow one another
  std::vector<std::uint32_t> counts_;
  std::vector<std::uint8_t> status_;
  std::vector<std::uint32_t> xrays_;
};

}  // namespace countem::io
