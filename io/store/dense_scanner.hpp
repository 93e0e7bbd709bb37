#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "io/deflate/frame.hpp"

// The dense form of a frame, piece by piece.
namespace countem::io {

/// Receives a dense frame piece by piece, in order; pieces end between pixels.
using dense_visitor = std::function<void(std::uint64_t first_byte, std::span<const std::uint8_t> piece)>;

/// The most that is inflated or read as one piece.
inline constexpr std::uint64_t largest_piece = std::uint64_t{64} << 20U;

/// Events of a dense frame, from its pieces in order.
class dense_scanner {
 public:
  /// `events` has as many as the frame should hold.
  dense_scanner(const dense_layout& frame, std::span<std::uint32_t> events) : frame_(frame), events_(events) {}
  /// One piece of the frame.
  void take(std::uint64_t first_byte, std::span<const std::uint8_t> piece);
  /// @throws format_error when there were more events or fewer.
  void finish() const;

 private:
  dense_layout frame_;
  std::span<std::uint32_t> events_;
  std::size_t found_ = 0;
  bool too_many_ = false;
};

}  // namespace countem::io
