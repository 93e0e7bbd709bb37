#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/deflate/bits.hpp"

// The hot loops of frame_decoder, from bits to events, several symbols a table look-up, several frames side by side, and of
// frame_encoder, from events to bits. They are compiled for several instruction sets: both are full of shifts by variable
// numbers, which are cheaper with BMI2.
namespace countem::io {

/// What the next bits of a stream of ours mean: zeros, up to three events, and perhaps a match at the end whose extra bits
/// follow. One word, so that a step costs one look-up; the vector code reads its bytes.
class decode_step {
 public:
  static constexpr unsigned index_bits = 12;  ///< a table of 32 KiB: the first cache holds what is often used of it
  static constexpr unsigned most_events = 3;
  static constexpr unsigned farthest_event = 255;

  struct parts {
    unsigned bits = 0;        ///< that the step uses up, extra bits included; 0: decode the single symbol instead
    unsigned extra_at = 0;    ///< where the extra bits are
    unsigned extra_bits = 0;  ///< how many; their value adds to `advance`
    unsigned advance = 0;     ///< bytes of the dense form
    unsigned events = 0;      ///< a pixel of multiplicity two is two events
    std::array<unsigned, most_events> event_at{};  ///< byte where each event lies, from the step's start
  };
  decode_step() = default;
  explicit decode_step(const parts& from)
      : word_(std::uint64_t{from.bits} | std::uint64_t{from.extra_bits} << 8U | std::uint64_t{from.advance} << 16U |
              std::uint64_t{from.event_at[0]} << 32U | std::uint64_t{from.event_at[1]} << 40U |
              std::uint64_t{from.event_at[2]} << 48U | std::uint64_t{from.extra_at} << 56U |
              std::uint64_t{from.events} << 62U) {}
  [[nodiscard]] unsigned bits() const { return static_cast<unsigned>(word_ & 0xffU); }

 private:
  std::uint64_t word_ = 0;
};

/// How far one stream is read.
struct decode_lane {
  const std::uint8_t* stream = nullptr;
  std::uint64_t position = 0;           ///< bit of the stream
  std::uint64_t at = 0;                 ///< byte of the dense form
  std::uint32_t* event = nullptr;       ///< where the next one goes: its byte of the dense form
  std::uint64_t last_position = 0;      ///< a round of steps may begin up to here ...
  std::uint32_t* last_event = nullptr;  ///< ... and here

  static constexpr unsigned steps_a_round = 6;
  /// Room that a round needs from where it begins. It writes up to that many events, some of them in vain.
  static constexpr std::size_t event_room = steps_a_round * decode_step::most_events + 2;
  static constexpr std::size_t stream_room = 24;  ///< bytes

  [[nodiscard]] bool may_step() const { return position < last_position && event <= last_event; }
};

inline constexpr std::size_t decode_lanes = 3;  ///< frames side by side; more lack registers, fewer leave the processor waiting

/// Takes steps in all lanes, which may_step(), until one must not or meets what only single symbols resolve (its step is of 0
/// bits). `steps` has 2^index_bits entries.
void run_lanes(const decode_step* steps, std::array<decode_lane, decode_lanes>& lanes);
void run_lane(const decode_step* steps, decode_lane& lane);

/// What events are encoded with.
struct encode_tables {
  const packed_code* run_then_one;  ///< by bytes of zeros before it, an event of multiplicity 1; 0: not in the table
  std::size_t runs;                 ///< entries of it
  const packed_code* symbols;       ///< by literal, 1 to 255
  unsigned element_bytes;           ///< of a pixel
  const std::uint32_t* end;         ///< of the events, which are sorted
};

/// How far a frame's events are encoded.
struct encode_lane {
  const std::uint32_t* event = nullptr;  ///< the next one
  bit_writer out;
  std::uint64_t next = 0;  ///< first byte of the dense form that is not spelled yet
};

/// Encodes events up to one that is not in the tables, out of order, of a multiplicity above 255, or the last of the frame.
void run_lane(const encode_tables& tables, encode_lane& lane);

/// Sum of all numbers.
[[nodiscard]] std::uint64_t sum_of(std::span<const std::uint32_t> numbers);

}  // namespace countem::io
