#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// A sparse frame written directly as the zlib stream (RFC 1950, RFC 1951) of its dense form, and read back, without the dense
// form ever being there. The dense form is `pixels` little-endian unsigned integers of `element_bytes` bytes: how many events
// each pixel of the grid has.
//
// The stream is one dynamic-Huffman block. An event is a literal (its multiplicity); the zeros before it are literal zeros
// followed by matches that copy them. Frames are far apart in content but alike in statistics, so one set of Huffman codes,
// trained on earlier frames, serves many: then each gap between events is one table look-up. The Adler-32 at the stream's end
// has a closed form in the positions.
namespace countem::io {

struct dense_layout {
  std::uint64_t pixels = 0;
  unsigned element_bytes = 1;  ///< 1 or 2

  [[nodiscard]] std::uint64_t bytes() const { return pixels * element_bytes; }
  /// Multiplicities above this saturate in the dense form.
  [[nodiscard]] std::uint32_t largest() const { return element_bytes == 1 ? 0xffU : 0xffffU; }
  friend bool operator==(const dense_layout&, const dense_layout&) = default;
};

inline constexpr unsigned literal_symbols = 286;  ///< literals, end of block, match lengths

/// How often each deflate symbol occurs in the frames seen so far.
class symbol_statistics {
 public:
  /// `events` sorted, all below frame.pixels.
  void add(std::span<const std::uint32_t> events, const dense_layout& frame);
  [[nodiscard]] const std::array<std::uint64_t, literal_symbols>& counts() const { return counts_; }

 private:
  std::array<std::uint64_t, literal_symbols> counts_{};
};

/// Huffman codes trained on statistics, with the tables that make encoding one look-up per event. Immutable: threads share it.
class frame_encoder {
 public:
  frame_encoder(const symbol_statistics& trained_on, const dense_layout& frame);

  /// Appends the zlib stream of one frame to `out`. Repeated events become the pixel's multiplicity, cut at frame.largest().
  /// Returns whether a multiplicity was cut.
  /// @throws invalid_argument when events are not sorted or not inside the frame.
  bool encode(std::span<const std::uint32_t> events, std::vector<std::uint8_t>& out) const;

 private:
  /// Up to 56 bits of code, their number in the top byte; 0: does not fit.
  using packed_code = std::uint64_t;
  static constexpr std::size_t table_runs = 1024;

  struct bit_writer;
  [[nodiscard]] bit_writer put_zeros(bit_writer out, std::uint64_t length) const;
  template <unsigned ElementBytes>
  std::uint8_t* encode_as(std::span<const std::uint32_t> events, bit_writer out, bool& cut) const;
  void make_matches();
  void make_runs();
  void make_prefix(const std::array<std::uint8_t, literal_symbols>& lengths);

  dense_layout frame_;
  std::array<packed_code, literal_symbols> symbols_{};
  std::array<packed_code, 259> near_matches_{};         ///< by length, at distance 1
  std::array<packed_code, 259> far_matches_{};          ///< by length, at distance 4
  std::array<packed_code, table_runs> run_then_one_{};  ///< that many zero bytes, then an event of multiplicity 1
  std::vector<std::uint8_t> prefix_;  ///< zlib header, block header and Huffman codes: the same for every frame
  std::size_t prefix_bytes_ = 0;      ///< whole bytes of it
  unsigned prefix_bits_ = 0;          ///< bits of the byte after them, 0 to 7; its other bits are 0
};

/// One stream to read back. It may be followed by other bytes.
struct decoding {
  enum class outcome : std::uint8_t {
    decoded,
    foreign,  ///< not one of our streams, or damaged: inflate it by other means
  };
  std::span<const std::uint8_t> stream;
  std::span<std::uint32_t> events;  ///< filled; exactly as many as the dense form holds
  std::size_t stream_bytes = 0;     ///< set to the stream's length
  outcome result = outcome::foreign;
};

/// Reads streams of frame_encoder back into events. Keeps the tables of the last Huffman codes it saw: one decoder a thread.
/// It takes every match for a copy of zeros, which holds for our streams; others are told apart by their Adler-32.
class frame_decoder {
 public:
  /// Sets `result` of each job; any bytes are safe. Frames are decoded two at a time, since one alone leaves most of the
  /// processor waiting for the look-up before.
  void decode(std::span<decoding> jobs, const dense_layout& frame);

 private:
  static constexpr unsigned step_table_bits = 12;
  static constexpr unsigned longest_code = 15;
  /// What the next bits mean: zeros, up to two events of multiplicity 1, and perhaps a match at the end whose extra bits
  /// follow. One word, so that a step costs one load.
  class step {
   public:
    struct parts {
      unsigned advance = 0;  ///< bytes of the dense form, without the extra bits' share
      unsigned events = 0;
      unsigned first_event = 0;  ///< byte where the first event lies, from the step's start
      unsigned second_event = 0;
      unsigned bits = 0;      ///< all that the step uses up; 0: look at the single symbol instead
      unsigned extra_at = 0;  ///< where the extra bits are
      unsigned extra_mask = 0;
    };
    step() = default;
    explicit step(const parts& from)
        : word_(std::uint64_t{from.advance} << 48U | std::uint64_t{from.second_event} << 36U |
                std::uint64_t{from.first_event} << 24U | std::uint64_t{from.events} << 22U |
                std::uint64_t{from.extra_mask} << 16U | std::uint64_t{from.extra_at} << 8U | from.bits) {}
    [[nodiscard]] std::uint64_t advance() const { return word_ >> 48U; }
    [[nodiscard]] std::uint64_t second_event() const { return word_ >> 36U & 0xfffU; }
    [[nodiscard]] std::uint64_t first_event() const { return word_ >> 24U & 0xfffU; }
    [[nodiscard]] std::uint64_t events() const { return word_ >> 22U & 3U; }
    [[nodiscard]] std::uint64_t extra_mask() const { return word_ >> 16U & 0x1fU; }
    [[nodiscard]] std::uint64_t extra_at() const { return word_ >> 8U & 0x3fU; }
    [[nodiscard]] std::uint64_t bits() const { return word_ & 0x3fU; }

   private:
    std::uint64_t word_ = 0;
  };
  struct symbol {
    std::uint16_t value = 0;
    std::uint8_t bits = 0;  ///< 0: no such code
  };
  struct lane;

  [[nodiscard]] bool read_prefix(std::span<const std::uint8_t> stream);
  [[nodiscard]] bool same_prefix(std::span<const std::uint8_t> stream) const;
  void make_steps();
  void decode_alike(decoding& opening, std::span<decoding> jobs, std::size_t& next, const dense_layout& frame);
  void run_together(lane& first, lane& second) const;
  [[nodiscard]] lane run_alone(lane at) const;
  [[nodiscard]] lane take_symbol(lane at) const;
  static void finish(const lane& at, decoding& job, const dense_layout& frame);

  std::vector<std::uint8_t> prefix_;
  std::size_t prefix_bits_ = 0;
  std::vector<symbol> symbols_;                              ///< by the next longest_code bits
  std::vector<step> steps_;                                  ///< by the next step_table_bits bits
  std::vector<std::uint32_t> first_buffer_, second_buffer_;  ///< events of the frames being decoded
};

}  // namespace countem::io
