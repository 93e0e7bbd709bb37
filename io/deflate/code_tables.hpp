#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/deflate/steps.hpp"

// What the beginning of a stream defines: its Huffman codes, as tables to decode with.
namespace countem::io {

inline constexpr unsigned distance_code_bits = 1;  ///< in our streams, always

/// A literal, end of block or match length, by its code.
struct symbol {
  std::uint16_t value = 0;
  std::uint8_t bits = 0;  ///< of the code; 0: no such code
};

/// One set of Huffman codes, and the bytes that define it.
struct code_tables {
  std::vector<std::uint8_t> prefix;  ///< the stream up to its first symbol
  std::size_t prefix_bits = 0;
  unsigned symbol_bits = 0;        ///< of the longest code
  std::vector<symbol> symbols;     ///< by the next symbol_bits bits
  std::vector<decode_step> steps;  ///< by the next decode_step::index_bits bits

  /// Whether the stream begins with this prefix.
  [[nodiscard]] bool begin(std::span<const std::uint8_t> stream) const;

  /// The tables of a stream; null when it does not begin as ours do.
  [[nodiscard]] static std::unique_ptr<code_tables> read(std::span<const std::uint8_t> stream);

  /// The same, kept for all decoders of the process: the threads that read a store, and those that open it again, need the same
  /// few. Safe from several threads.
  [[nodiscard]] static std::shared_ptr<const code_tables> shared(std::span<const std::uint8_t> stream);
};

}  // namespace countem::io
