#include "io/deflate/code_tables.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "io/deflate/bits.hpp"
#include "io/deflate/code.hpp"
#include "io/deflate/frame.hpp"

namespace countem::io {

namespace {

constexpr unsigned distance_symbols = 30;
constexpr unsigned first_distance_with_extra = 4;

/// Fills `table`, indexed by the next bits, with each symbol that has a code: bit by bit twice as long, what has a shorter code
/// standing for either bit.
template <class Symbol>
void fill_table(std::span<const std::uint8_t> lengths, unsigned index_bits, std::vector<Symbol>& table) {
  std::vector<std::uint16_t> codes(lengths.size());
  canonical_codes(lengths, codes);
  table.reserve(std::size_t{1} << index_bits);
  table.assign(1, Symbol{});
  for (unsigned bits = 1; bits <= index_bits; ++bits) {
    const std::size_t half = table.size();
    table.resize(2 * half);
    std::copy_n(table.begin(), half, table.begin() + static_cast<std::ptrdiff_t>(half));
    for (std::size_t value = 0; value < lengths.size(); ++value) {
      if (lengths[value] == bits) table[codes[value]] = {static_cast<std::uint16_t>(value), lengths[value]};
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

/// Our streams have two distance codes of one bit, which need no extra bits: where a match copies from is then of no matter.
bool is_ours(std::span<const std::uint8_t> distance_lengths) {
  const auto used =
      std::count_if(distance_lengths.begin(), distance_lengths.end(), [](std::uint8_t length) { return length != 0; });
  const auto ones =
      std::count(distance_lengths.begin(), distance_lengths.begin() + first_distance_with_extra, distance_code_bits);
  return used == 2 && ones == 2;
}

/// The steps that each sequence of bits means. Sequences of symbols that fit are followed from the shortest on, each written
/// where it stands for all bits behind it, until a longer one takes some of these over: a table of 4096 steps is made of some
/// hundred sequences.
class step_table {
 public:
  explicit step_table(std::span<const std::uint8_t> lengths) : steps_(std::size_t{1} << decode_step::index_bits) {
    std::vector<std::uint16_t> codes(lengths.size());
    canonical_codes(lengths, codes);
    for (std::size_t value = 0; value < lengths.size(); ++value) {
      if (lengths[value] != 0 && lengths[value] <= decode_step::index_bits && value != end_of_block)
        symbols_.push_back({static_cast<unsigned>(value), lengths[value], codes[value]});
    }
    std::ranges::stable_sort(symbols_, {}, &coded::bits);
    follow({}, 0);
  }

  [[nodiscard]] std::vector<decode_step> take() { return std::move(steps_); }

 private:
  struct coded {
    unsigned value;
    unsigned bits;
    std::size_t code;
  };

  /// `window`: the bits of the sequence; what follows them is free.
  void follow(const decode_step::parts& filled, std::size_t window) {
    put(filled, window, filled.bits);
    for (const coded& next : symbols_) {
      const unsigned behind = filled.bits + next.bits;
      if (behind > decode_step::index_bits) break;
      const std::size_t longer = window | next.code << filled.bits;
      if (next.value < end_of_block) {
        add_literal(filled, next.value, behind, longer);
      } else {
        add_match(filled, next.value - first_length_symbol, behind, longer);
      }
    }
  }

  void add_literal(decode_step::parts filled, unsigned value, unsigned behind, std::size_t window) {
    if (value > 0 && filled.advance > decode_step::farthest_event) return;
    if (value + filled.events > decode_step::most_events) return;
    for (unsigned copy = 0; copy < value; ++copy) filled.event_at[filled.events++] = filled.advance;
    ++filled.advance;
    filled.bits = behind;
    follow(filled, window);
  }

  void add_match(decode_step::parts filled, unsigned code, unsigned behind, std::size_t window) {
    const unsigned extra = length_extra_bits[code];
    const unsigned distance_at = behind + extra;
    filled.advance += length_base[code];
    filled.bits = distance_at + distance_code_bits;
    if (distance_at > decode_step::index_bits) {
      filled.extra_at = behind;
      filled.extra_bits = extra;
      put(filled, window, behind);
      return;
    }
    for (unsigned more = 0; more < 1U << extra; ++more) {
      decode_step::parts one = filled;
      one.advance += more;
      const std::size_t matched = window | std::size_t{more} << behind;
      if (distance_at == decode_step::index_bits) {
        put(one, matched, distance_at);
      } else {
        for (std::size_t distance : {0U, 1U}) follow(one, matched | distance << distance_at);
      }
    }
  }

  /// The step of all windows whose lowest bits are these.
  void put(const decode_step::parts& filled, std::size_t window, unsigned bits) {
    const decode_step step(filled);
    for (std::size_t at = window; at < steps_.size(); at += std::size_t{1} << bits) steps_[at] = step;
  }

  std::vector<coded> symbols_;  ///< shortest code first
  std::vector<decode_step> steps_;
};

}  // namespace

std::shared_ptr<const code_tables> code_tables::shared(std::span<const std::uint8_t> stream) {
  constexpr std::size_t most_kept = 32;  // some 64 KiB each; a store of 10^6 frames has 20
  static std::mutex guard;
  static auto* const kept =
      new std::vector<std::shared_ptr<const code_tables>>;  // never destroyed: threads may still work at exit
  const std::lock_guard lock(guard);  // while tables are made, too: other threads most likely wait for the same
  auto found = std::ranges::find_if(*kept, [&](const auto& tables) { return tables->begin(stream); });
  if (found == kept->end()) {
    std::shared_ptr<const code_tables> made = read(stream);
    if (!made) return nullptr;
    if (kept->size() == most_kept) kept->pop_back();
    found = kept->insert(kept->end(), std::move(made));
  }
  std::rotate(kept->begin(), found, found + 1);  // most recent first
  return kept->front();
}

bool code_tables::begin(std::span<const std::uint8_t> stream) const {
  const std::size_t whole = prefix_bits / 8;
  if (stream.size() <= whole ||
      !std::equal(prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(whole), stream.begin())) {
    return false;
  }
  return ((prefix[whole] ^ stream[whole]) & low_bits(prefix_bits % 8)) == 0;
}

std::unique_ptr<code_tables> code_tables::read(std::span<const std::uint8_t> stream) {
  if (stream.size() < 2) return nullptr;
  constexpr unsigned preset_dictionary = 0x20;
  if ((stream[0] & 0x0fU) != 8 || (stream[0] * 256U + stream[1]) % 31 != 0 || (stream[1] & preset_dictionary) != 0)
    return nullptr;
  bit_reader in(stream, 16);
  const bool last_block = in.take(1) == 1;
  const bool dynamic = in.take(2) == 2;
  if (!last_block || !dynamic) return nullptr;
  const std::optional<block_codes> codes = read_block_codes(in);
  if (!codes || codes->literals[end_of_block] == 0 || !is_complete_code(codes->literals)) return nullptr;
  if (!is_ours(codes->distances)) return nullptr;

  auto made = std::make_unique<code_tables>();
  made->symbol_bits = *std::ranges::max_element(codes->literals);
  fill_table(codes->literals, made->symbol_bits, made->symbols);
  made->steps = step_table(codes->literals).take();
  made->prefix_bits = static_cast<std::size_t>(in.position());
  const std::size_t kept = std::min(stream.size(), made->prefix_bits / 8 + 1);
  made->prefix.assign(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(kept));
  made->prefix.resize(made->prefix_bits / 8 + 1);
  return made;
}

}  // namespace countem::io
