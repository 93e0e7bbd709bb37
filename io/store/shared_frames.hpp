#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/store/chunk_decoder.hpp"
#include "io/store/chunk_footer.hpp"
#include "io/store/parts.hpp"

namespace countem::io {

/// Decodes chunks of parts: whether each holds events at all, and whether frames that several parts hold are the same.
class shared_frames {
 public:
  explicit shared_frames(const part_list& parts);

  /// Of a chunk whose CRC is right. What else may be wrong in one that was forged, verifying the merged store shows: chunks are
  /// copied, not decoded. @throws format_error naming the part and the frame when the chunk cannot hold its events
  void require_room(std::span<const std::uint8_t> chunk, const chunk_footer& footer, const known_part& holder) const;

  /// A chunk of `known` whose frame is copied from another part: it must hold the same. At most one other part is open.
  /// @throws invalid_argument naming both when it does not
  void require_same(const known_part& known, std::span<const std::uint8_t> chunk, const chunk_footer& footer);

  /// Frames that several parts hold, as far as they were compared.
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  [[nodiscard]] bool is_same(std::span<const std::uint8_t> one, const chunk_footer& first, std::span<const std::uint8_t> two,
                             const chunk_footer& second);
  [[nodiscard]] std::vector<std::uint32_t> decoded(std::span<const std::uint8_t> chunk, const chunk_footer& footer);

  const part_list& parts_;
  dense_layout frame_;
  chunk_decoder decoder_;
  std::vector<bool> compared_;  ///< by frame
  std::uint64_t number_ = 0;
  std::unique_ptr<part> other_;
  std::uint32_t other_index_ = part_list::nobody;
  std::vector<std::uint8_t> chunk_;  ///< of the other part
};

}  // namespace countem::io
