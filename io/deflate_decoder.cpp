#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

#include "io/deflate_code.hpp"
#include "io/deflate_frame.hpp"

namespace countem::io {

namespace {

constexpr unsigned distance_symbols = 30;
constexpr std::uint64_t low_bits(unsigned count) { return (std::uint64_t{1} << count) - 1; }
constexpr unsigned distance_extra_bits(unsigned symbol) { return symbol < 4 ? 0 : symbol / 2 - 1; }

/// The bits of a stream, lowest first; zeros after its end.
class bit_reader {
 public:
  bit_reader(std::span<const std::uint8_t> stream, std::uint64_t position) : stream_(stream), position_(position) {}

  /// At least the next 56 bits.
  [[nodiscard]] std::uint64_t peek() const {
    const auto byte = static_cast<std::size_t>(position_ / 8);
    std::uint64_t word = 0;
    if (byte + sizeof word <= stream_.size()) {
      std::memcpy(&word, stream_.data() + byte, sizeof word);
    } else if (byte < stream_.size()) {
      std::memcpy(&word, stream_.data() + byte, stream_.size() - byte);
    }
    return word >> (position_ % 8);
  }
  void skip(unsigned bits) { position_ += bits; }
  [[nodiscard]] unsigned take(unsigned bits) {
    const std::uint64_t value = peek() & low_bits(bits);
    skip(bits);
    return static_cast<unsigned>(value);
  }
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] bool past_end() const { return position_ > std::uint64_t{stream_.size()} * 8; }
  /// Whether peek() still reads one whole word after `bits` more bits.
  [[nodiscard]] bool has_word_after(unsigned bits) const { return (position_ + bits) / 8 + sizeof(std::uint64_t) <= stream_.size(); }

 private:
  std::span<const std::uint8_t> stream_;
  std::uint64_t position_;
};

/// Fills `table`, indexed by the next bits, with each symbol that has a code.
template <class Symbol>
void fill_table(std::span<const std::uint8_t> lengths, unsigned index_bits, std::vector<Symbol>& table) {
  std::vector<std::uint16_t> codes(lengths.size());
  canonical_codes(lengths, codes);
  table.assign(std::size_t{1} << index_bits, Symbol{});
  for (std::size_t value = 0; value < lengths.size(); ++value) {
    if (lengths[value] == 0) continue;
    for (std::size_t index = codes[value]; index < table.size(); index += std::size_t{1} << lengths[value]) {
      table[index] = {static_cast<std::uint16_t>(value), lengths[value]};
    }
  }
}

/// The code lengths of literals and distances of a dynamic block header; nothing when they break RFC 1951.
struct block_codes {
  std::array<std::uint8_t, literal_symbols> literals{};
  std::array<std::uint8_t, distance_symbols> distances{};
};

std::optional<block_codes> read_block_codes(bit_reader& in) {
  const unsigned literals = in.take(5) + 257;
  const unsigned distances = in.take(5) + 1;
  const unsigned given = in.take(4) + 4;
  if (literals > literal_symbols || distances > distance_symbols) return std::nullopt;

  std::array<std::uint8_t, code_length_order.size()> lengths{};
  for (unsigned i = 0; i < given; ++i) lengths[code_length_order[i]] = static_cast<std::uint8_t>(in.take(3));
  if (!is_complete_code(lengths)) return std::nullopt;
  struct entry {
    std::uint16_t value = 0;
    std::uint8_t bits = 0;
  };
  std::vector<entry> table;
  fill_table(lengths, longest_code_length_code, table);

  std::vector<std::uint8_t> all;
  while (all.size() < literals + distances) {
    const entry next = table[in.peek() & low_bits(longest_code_length_code)];
    in.skip(next.bits);
    unsigned repeat = 1;
    std::uint8_t length = 0;
    if (next.value < 16) {
      length = static_cast<std::uint8_t>(next.value);
    } else if (next.value == 16) {
      if (all.empty()) return std::nullopt;
      length = all.back();
      repeat = 3 + in.take(2);
    } else {
      repeat = next.value == 17 ? 3 + in.take(3) : 11 + in.take(7);
    }
    all.insert(all.end(), repeat, length);
  }
  if (all.size() != literals + distances || in.past_end()) return std::nullopt;
  block_codes codes;
  std::copy_n(all.begin(), literals, codes.literals.begin());
  std::copy(all.begin() + literals, all.end(), codes.distances.begin());
  return codes;
}

void add_events(std::span<const std::uint32_t> events, unsigned element_bytes, sparse_adler32& check) {
  if (element_bytes == 1) {
    check.add_ones(events.size(), std::accumulate(events.begin(), events.end(), std::uint64_t{0}), 1);
    return;
  }
  for (std::size_t first = 0; first < events.size();) {
    std::size_t last = first + 1;
    while (last < events.size() && events[last] == events[first]) ++last;
    const std::size_t multiplicity = last - first;
    check.add(std::uint64_t{events[first]} * 2, static_cast<std::uint32_t>(multiplicity & 0xffU));
    check.add(std::uint64_t{events[first]} * 2 + 1, static_cast<std::uint32_t>(multiplicity >> 8U & 0xffU));
    first = last;
  }
}

}  // namespace

bool frame_decoder::same_prefix(std::span<const std::uint8_t> stream) const {
  const std::size_t whole = prefix_bits_ / 8;
  if (prefix_.empty() || stream.size() <= whole || !std::equal(prefix_.begin(), prefix_.begin() + static_cast<std::ptrdiff_t>(whole), stream.begin())) {
    return false;
  }
  const auto rest = static_cast<unsigned>(prefix_bits_ % 8);
  return ((prefix_[whole] ^ stream[whole]) & low_bits(rest)) == 0;
}

bool frame_decoder::read_prefix(std::span<const std::uint8_t> stream) {
  if (same_prefix(stream)) return true;
  prefix_.clear();
  if (stream.size() < 2) return false;
  constexpr unsigned preset_dictionary = 0x20;
  if ((stream[0] & 0x0fU) != 8 || (stream[0] * 256U + stream[1]) % 31 != 0 || (stream[1] & preset_dictionary) != 0) return false;
  bit_reader in(stream, 16);
  const bool last_block = in.take(1) == 1;
  const bool dynamic = in.take(2) == 2;
  if (!last_block || !dynamic) return false;
  const std::optional<block_codes> codes = read_block_codes(in);
  if (!codes || codes->literals[end_of_block] == 0 || !is_complete_code(codes->literals)) return false;
  const auto used = std::count_if(codes->distances.begin(), codes->distances.end(), [](std::uint8_t length) { return length != 0; });
  distance_code_bits_ = *std::max_element(codes->distances.begin(), codes->distances.end());
  const bool single = used == 1 && distance_code_bits_ == 1;
  if (!single && !is_complete_code(codes->distances)) return false;

  fill_table(codes->literals, longest_code, symbols_);
  fill_table(codes->distances, distance_code_bits_, distances_);
  make_steps();
  prefix_bits_ = static_cast<std::size_t>(in.position());
  const std::size_t kept = std::min(stream.size(), prefix_bits_ / 8 + 1);
  prefix_.assign(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(kept));
  prefix_.resize(prefix_bits_ / 8 + 1);
  return true;
}

void frame_decoder::make_steps() {
  steps_.assign(std::size_t{1} << table_bits, step{});
  for (std::size_t window = 0; window < steps_.size(); ++window) {
    step& filled = steps_[window];
    for (;;) {
      const auto left = static_cast<unsigned>(table_bits - filled.bits);
      const std::size_t bits = window >> filled.bits;
      const symbol next = symbols_[bits];
      if (next.bits > left || next.value == end_of_block) break;
      if (next.value < end_of_block) {
        if (next.value > 1 || (next.value == 1 && filled.events == filled.offsets.size())) break;
        if (next.value == 1) filled.offsets[filled.events++] = filled.advance;
        ++filled.advance;
        filled.bits = static_cast<std::uint8_t>(filled.bits + next.bits);
        if (filled.bits == table_bits) break;
        continue;
      }
      const unsigned code = next.value - first_length_symbol;
      const unsigned extra = length_extra_bits[code];
      if (next.bits + extra + distance_code_bits_ > left) break;
      const symbol distance = distances_[bits >> (next.bits + extra) & low_bits(distance_code_bits_)];
      const unsigned used = next.bits + extra + distance.bits + distance_extra_bits(distance.value);
      if (distance.bits == 0 || used > left) break;
      filled.advance = static_cast<std::uint16_t>(filled.advance + length_base[code] + (bits >> next.bits & low_bits(extra)));
      filled.bits = static_cast<std::uint8_t>(filled.bits + used);
      if (filled.bits == table_bits) break;
    }
  }
}

frame_decoder::outcome frame_decoder::decode(std::span<const std::uint8_t> stream, const dense_layout& frame,
                                             std::span<std::uint32_t> events, std::size_t& stream_bytes) {
  if (!read_prefix(stream)) return outcome::foreign;
  const std::uint64_t end = frame.bytes();
  bit_reader in(stream, prefix_bits_);
  sparse_adler32 check(end);
  std::uint64_t at = 0;    // byte of the dense form
  std::size_t found = 0;   // events

  // Steps know multiplicity 1 in one-byte elements only. Each may write two events and advance by thousands of bytes at most,
  // so bounds are checked once per four.
  constexpr unsigned steps_at_once = 4;
  const auto steps_are_safe = [&] {
    return frame.element_bytes == 1 && events.size() - found >= 2 * steps_at_once && in.has_word_after(steps_at_once * table_bits);
  };
  const auto take_steps = [&] {
    for (unsigned i = 0; i < steps_at_once; ++i) {
      const step& next = steps_[in.peek() & low_bits(table_bits)];
      if (next.bits == 0) return;
      events[found] = static_cast<std::uint32_t>(at + next.offsets[0]);
      events[found + 1] = static_cast<std::uint32_t>(at + next.offsets[1]);
      found += next.events;
      at += next.advance;
      in.skip(next.bits);
    }
  };

  for (;;) {
    while (steps_are_safe() && at <= end && steps_[in.peek() & low_bits(table_bits)].bits != 0) take_steps();
    std::uint64_t bits = in.peek();
    const symbol next = symbols_[bits & low_bits(longest_code)];
    in.skip(next.bits);
    if (at > end || in.past_end()) return outcome::foreign;
    if (next.value == end_of_block) break;
    if (next.value < end_of_block) {
      if (next.value != 0) {
        const std::uint64_t pixel = at / frame.element_bytes;
        const std::size_t multiplicity = std::size_t{next.value} << (8 * (at % frame.element_bytes));
        if (at >= end || multiplicity > events.size() - found) return outcome::foreign;
        std::fill_n(events.begin() + static_cast<std::ptrdiff_t>(found), multiplicity, static_cast<std::uint32_t>(pixel));
        found += multiplicity;
      }
      ++at;
      continue;
    }
    const unsigned code = next.value - first_length_symbol;
    bits >>= next.bits;
    at += length_base[code] + (bits & low_bits(length_extra_bits[code]));
    bits >>= length_extra_bits[code];
    const symbol distance = distances_[bits & low_bits(distance_code_bits_)];
    if (distance.bits == 0) return outcome::foreign;
    in.skip(length_extra_bits[code] + distance.bits + distance_extra_bits(distance.value));
  }

  const std::size_t check_at = static_cast<std::size_t>((in.position() + 7) / 8);
  if (at != end || found != events.size() || check_at + 4 > stream.size()) return outcome::foreign;
  if (found > 0 && events.back() >= frame.pixels) return outcome::foreign;
  add_events(events, frame.element_bytes, check);
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < 4; ++i) stored = stored << 8U | stream[check_at + i];
  stream_bytes = check_at + 4;
  return stored == check.value() ? outcome::decoded : outcome::foreign;
}

}  // namespace countem::io
