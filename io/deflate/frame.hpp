#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/deflate/bits.hpp"

// A sparse frame written directly as the zlib stream (RFC 1950, RFC 1951) of its dense form, and read back, without the dense
// form ever being there. The dense form is `pixels` little-endian unsigned integers of `element_bytes` bytes: how many events
// each pixel of the grid has.
//
// The stream is one dynamic-Huffman block. An event is a literal (its multiplicity); the zeros before it are literal zeros
// followed by matches that copy them. Frames are far apart in content but alike in statistics, so one set of Huffman codes,
// trained on earlier frames, serves many: then each gap between events is one table look-up. The Adler-32 at the stream's end
// has a closed form in the positions.
namespace countem::io {

/// The dense form of a frame.
struct dense_layout {
  std::uint64_t pixels = 0;
  unsigned element_bytes = 1;  ///< 1 or 2

  [[nodiscard]] std::uint64_t bytes() const { return pixels * element_bytes; }
  /// Multiplicities above this saturate in the dense form.
  [[nodiscard]] std::uint32_t largest() const { return element_bytes == 1 ? 0xffU : 0xffffU; }
  friend bool operator==(const dense_layout&, const dense_layout&) = default;
};

struct code_tables;  // of a set of Huffman codes, for decoding

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
/// Literals that the training did not meet have no code, since a stream's header spells every code: a frame that holds one is
/// encoded with a second set, in which all have.
class frame_encoder {
 public:
  frame_encoder(const symbol_statistics& trained_on, const dense_layout& frame);

  /// Appends the zlib stream of one frame to `out`. Repeated events become the pixel's multiplicity, cut at frame.largest().
  /// Returns whether a multiplicity was cut.
  /// @throws invalid_argument when events are not sorted or not inside the frame.
  bool encode(std::span<const std::uint32_t> events, std::vector<std::uint8_t>& out) const;

 private:
  static constexpr std::size_t table_runs = 4096;
  enum class literals_with_code : std::uint8_t { seen, all };

  frame_encoder(const symbol_statistics& trained_on, const dense_layout& frame, literals_with_code which);

  struct progress;
  void put_zeros(bit_writer& out, std::uint64_t length) const;
  template <unsigned ElementBytes>
  [[nodiscard]] std::size_t put_pixel(std::span<const std::uint32_t> events, std::size_t i, progress& done) const;
  template <unsigned ElementBytes>
  void put_events(std::span<const std::uint32_t> events, progress& done) const;
  void make_matches();
  void make_runs();
  void make_prefix(const std::array<std::uint8_t, literal_symbols>& lengths);

  dense_layout frame_;
  std::shared_ptr<const frame_encoder> complete_;       ///< the second set; null in itself
  std::array<packed_code, literal_symbols> symbols_{};  ///< 0 bits: no code
  std::array<packed_code, 259> near_matches_{};         ///< by length, at distance 1
  packed_code far_match_ = 0;                           ///< of the greatest length, at distance 4
  std::array<packed_code, table_runs> run_then_one_{};  ///< that many zero bytes, then an event of multiplicity 1;
                                                        ///< 0: does not fit
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

/// Whether the Adler-32 at the end of a zlib stream is that of the dense form of these events, which are sorted and inside the
/// frame. Takes about a tenth of the time of reading them.
[[nodiscard]] bool ends_with_check_of(std::span<const std::uint32_t> events, std::span<const std::uint8_t> stream,
                                      const dense_layout& frame);

/// Reads streams of frame_encoder back into events. Keeps the tables of the Huffman codes it saw last: one decoder per thread.
/// It takes every match for a copy of zeros, which holds for our streams; others are detected by their Adler-32.
class frame_decoder {
 public:
  frame_decoder();
  ~frame_decoder();
  frame_decoder(const frame_decoder&) = delete;
  frame_decoder& operator=(const frame_decoder&) = delete;

  /// Sets `result` of each job; any bytes are safe. Frames are decoded several at a time, since one alone leaves most of the
  /// processor waiting for the look-up before.
  void decode(std::span<decoding> jobs, const dense_layout& frame);

 private:
  struct frame_in_work;

  [[nodiscard]] const code_tables* tables_of(std::span<const std::uint8_t> stream);
  void decode_alike(std::span<decoding> jobs, const code_tables& tables, const dense_layout& frame);
  static void take_steps(const code_tables& tables, std::span<frame_in_work* const> working);

  std::vector<std::shared_ptr<const code_tables>> known_;  ///< most recent first
};

}  // namespace countem::io
