#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "io/deflate/code.hpp"
#include "io/deflate/frame.hpp"
#include "io/deflate/steps.hpp"

namespace countem::io {

namespace {

constexpr unsigned distance_symbols = 30;
constexpr std::uint64_t low_bits(unsigned count) {
  return (std::uint64_t{1} << count) - 1;
}
constexpr unsigned distance_code_bits = 1;  // in our streams, always
constexpr unsigned first_distance_with_extra = 4;

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

/// Our streams have two distance codes of one bit, which need no extra bits: where a match copies from is then of no matter.
bool is_ours(std::span<const std::uint8_t> distance_lengths) {
  const auto used =
      std::count_if(distance_lengths.begin(), distance_lengths.end(), [](std::uint8_t length) { return length != 0; });
  const auto ones =
      std::count(distance_lengths.begin(), distance_lengths.begin() + first_distance_with_extra, distance_code_bits);
  return used == 2 && ones == 2;
}

/// Whether the Adler-32 behind a stream is that of a frame with these events and no others.
/// `low_bytes`: no pixel's multiplicity goes beyond the low byte of its element.
bool has_check(std::span<const std::uint8_t> stored, std::span<const std::uint32_t> events, const dense_layout& frame,
               bool low_bytes) {
  sparse_adler32 check(frame.bytes());
  if (low_bytes) {
    check.add_ones(events.size(), sum_of(events), frame.element_bytes);
  } else {
    for (std::size_t first = 0; first < events.size();) {
      std::size_t last = first + 1;
      while (last < events.size() && events[last] == events[first]) ++last;
      const std::size_t multiplicity = last - first;
      check.add(std::uint64_t{events[first]} * 2, static_cast<std::uint32_t>(multiplicity & 0xffU));
      check.add(std::uint64_t{events[first]} * 2 + 1, static_cast<std::uint32_t>(multiplicity >> 8U & 0xffU));
      first = last;
    }
  }
  std::uint32_t value = 0;
  for (const std::uint8_t byte : stored) value = value << 8U | byte;
  return value == check.value();
}

struct symbol {
  std::uint16_t value = 0;
  std::uint8_t bits = 0;  // 0: no such code
};

/// The steps that each sequence of bits means.
std::vector<decode_step> make_steps(const std::vector<symbol>& symbols) {
  std::vector<decode_step> steps(std::size_t{1} << decode_step::index_bits);
  for (std::size_t window = 0; window < steps.size(); ++window) {
    decode_step::parts filled;
    while (filled.bits < decode_step::index_bits) {
      const symbol next = symbols[window >> filled.bits];
      const unsigned behind = filled.bits + next.bits;
      if (behind > decode_step::index_bits || next.value == end_of_block) break;
      if (next.value < end_of_block) {
        if (next.value > 0 && filled.advance > decode_step::farthest_event) break;
        if (next.value + filled.events > decode_step::most_events) break;
        for (unsigned copy = 0; copy < next.value; ++copy) filled.event_at[filled.events++] = filled.advance;
        ++filled.advance;
        filled.bits = behind;
        continue;
      }
      const unsigned code = next.value - first_length_symbol;
      const unsigned extra = length_extra_bits[code];
      filled.advance += length_base[code];
      filled.bits = behind + extra + distance_code_bits;
      if (behind + extra <= decode_step::index_bits) {
        filled.advance += static_cast<unsigned>(window >> behind & low_bits(extra));
      } else {
        filled.extra_at = behind;
        filled.extra_bits = extra;
        break;
      }
    }
    steps[window] = decode_step(filled);
  }
  return steps;
}

}  // namespace

/// One set of Huffman codes, and the bytes that tell it.
struct frame_decoder::code_tables {
  std::vector<std::uint8_t> prefix;
  std::size_t prefix_bits = 0;
  std::vector<symbol> symbols;     // by the next longest_literal_code bits
  std::vector<decode_step> steps;  // by the next decode_step::index_bits bits

  [[nodiscard]] bool begin(std::span<const std::uint8_t> stream) const {
    const std::size_t whole = prefix_bits / 8;
    if (stream.size() <= whole ||
        !std::equal(prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(whole), stream.begin())) {
      return false;
    }
    return ((prefix[whole] ^ stream[whole]) & low_bits(prefix_bits % 8)) == 0;
  }

  /// Nothing when the stream does not begin as ours do.
  static std::unique_ptr<code_tables> read(std::span<const std::uint8_t> stream) {
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
    fill_table(codes->literals, longest_literal_code, made->symbols);
    made->steps = make_steps(made->symbols);
    made->prefix_bits = static_cast<std::size_t>(in.position());
    const std::size_t kept = std::min(stream.size(), made->prefix_bits / 8 + 1);
    made->prefix.assign(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(kept));
    made->prefix.resize(made->prefix_bits / 8 + 1);
    return made;
  }
};

/// One frame being decoded. Events go where they belong until a round of steps might write behind them, and then beside, from
/// where finish() takes them. They are bytes of the dense form; with elements of two bytes, finish() makes pixels of them.
struct frame_decoder::frame_in_work {
  enum class state : std::uint8_t { running, ended, failed };

  /// Without `by_steps`, symbol by symbol: steps know no high bytes of wide elements.
  void start(decoding& from, const code_tables& tables, const dense_layout& frame, bool by_steps = true) {
    job = &from;
    end = frame.bytes();
    element_bytes = frame.element_bytes;
    now = state::running;
    beside = false;
    stepping = by_steps;
    high_bytes = false;
    lane = {};
    lane.stream = from.stream.data();
    lane.position = tables.prefix_bits;
    if (stepping && from.stream.size() > decode_lane::stream_room)
      lane.last_position = (from.stream.size() - decode_lane::stream_room) * 8;
    lane.event = from.events.data();
    make_room();
  }

  /// Puts the events beside when too few are left for a round; says where a round must not begin any more.
  void make_room() {
    if (beside) return;
    const std::size_t left = job->events.size() - written();
    if (left >= decode_lane::event_room) {
      lane.last_event = lane.event + (left - decode_lane::event_room);
      return;
    }
    split = written();
    beside = true;
    lane.event = rest.data();
    lane.last_event = rest.data() + left;
  }

  [[nodiscard]] std::size_t written() const {
    return beside ? split + static_cast<std::size_t>(lane.event - rest.data())
                  : static_cast<std::size_t>(lane.event - job->events.data());
  }

  /// Whether go_on() is needed before the next round of steps.
  [[nodiscard]] bool is_stuck(const code_tables& tables) const {
    return !lane.may_step() ||
           tables.steps[bit_reader(job->stream, lane.position).peek() & low_bits(decode_step::index_bits)].bits() == 0;
  }

  /// Goes on where steps cannot: makes room, or reads one symbol.
  void go_on(const code_tables& tables) {
    if (!beside && lane.event > lane.last_event) {
      make_room();
    } else {
      take_symbol(tables);
    }
  }

  void take_symbol(const code_tables& tables) {
    const std::span<const std::uint8_t> stream = job->stream;
    std::uint64_t bits = bit_reader(stream, lane.position).peek();
    const symbol next = tables.symbols[bits & low_bits(longest_literal_code)];
    bits >>= next.bits;
    lane.position += next.bits;
    now = state::failed;
    if (lane.position > std::uint64_t{stream.size()} * 8 || lane.at > end || written() > job->events.size()) return;
    if (next.value == end_of_block) {
      now = state::ended;
      return;
    }
    if (next.value > end_of_block) {
      const unsigned code = next.value - first_length_symbol;
      lane.at += length_base[code] + (bits & low_bits(length_extra_bits[code]));
      lane.position += length_extra_bits[code] + distance_code_bits;
    } else {
      // The high byte of a wide element counts for 256: so many events of the pixel's low byte.
      const std::size_t multiplicity = std::size_t{next.value} << (8 * (lane.at % element_bytes));
      if (multiplicity > 0 && (lane.at >= end || multiplicity > job->events.size() - written())) return;
      high_bytes = high_bytes || (multiplicity > 0 && lane.at % element_bytes != 0);
      const auto where = static_cast<std::uint32_t>(lane.at - lane.at % element_bytes);
      lane.event = std::fill_n(lane.event, multiplicity, where);
      ++lane.at;
    }
    now = state::running;
  }

  /// Returns false when the frame is to be started again without steps.
  [[nodiscard]] bool finish(const dense_layout& frame) {
    // Steps take a high byte for a single event; then there are too few.
    if (now == state::ended && stepping && element_bytes == 2 && written() < job->events.size()) return false;
    conclude(frame);
    return true;
  }

  void conclude(const dense_layout& frame) {
    const auto check_at = static_cast<std::size_t>((lane.position + 7) / 8);
    constexpr std::size_t check_bytes = 4;
    const std::span<std::uint32_t> events = job->events;
    if (now != state::ended || lane.at != end || written() != events.size()) return;
    if (check_at > job->stream.size() || job->stream.size() - check_at < check_bytes) return;
    if (beside) std::copy_n(rest.begin(), events.size() - split, events.begin() + static_cast<std::ptrdiff_t>(split));
    if (element_bytes == 2) {
      for (std::uint32_t& event : events) event /= 2;
    }
    if (!has_check(job->stream.subspan(check_at, check_bytes), events, frame, !high_bytes)) return;
    job->stream_bytes = check_at + check_bytes;
    job->result = decoding::outcome::decoded;
  }

  decode_lane lane;
  decoding* job = nullptr;
  std::uint64_t end = 0;  // of the dense form
  unsigned element_bytes = 1;
  state now = state::ended;
  bool stepping = true;
  bool high_bytes = false;  // seen, symbol by symbol
  bool beside = false;
  std::size_t split = 0;  // events before those beside
  std::array<std::uint32_t, 2 * decode_lane::event_room> rest{};
};

frame_decoder::frame_decoder() = default;
frame_decoder::~frame_decoder() = default;

const frame_decoder::code_tables* frame_decoder::tables_of(std::span<const std::uint8_t> stream) {
  constexpr std::size_t most_known = 16;  // codes change rarely, and frames may be read in any order
  auto found = std::find_if(known_.begin(), known_.end(), [&](const auto& tables) { return tables->begin(stream); });
  if (found == known_.end()) {
    std::unique_ptr<code_tables> made = code_tables::read(stream);
    if (!made) return nullptr;
    if (known_.size() == most_known) known_.pop_back();
    found = known_.insert(known_.end(), std::move(made));
  }
  std::rotate(known_.begin(), found, found + 1);
  return known_.front().get();
}

void frame_decoder::decode(std::span<decoding> jobs, const dense_layout& frame) {
  for (std::size_t first = 0; first < jobs.size();) {
    jobs[first].result = decoding::outcome::foreign;
    const code_tables* tables = tables_of(jobs[first].stream);
    std::size_t last = first + 1;
    while (tables != nullptr && last < jobs.size() && tables->begin(jobs[last].stream)) ++last;
    if (tables != nullptr) decode_alike(jobs.subspan(first, last - first), *tables, frame);
    first = last;
  }
}

void frame_decoder::decode_alike(std::span<decoding> jobs, const code_tables& tables, const dense_layout& frame) {
  std::array<frame_in_work, decode_lanes> frames;
  std::array<frame_in_work*, decode_lanes> working{};  // the first `active` of them
  std::size_t active = 0;
  const auto take_next = [&](frame_in_work& into) {
    jobs.front().result = decoding::outcome::foreign;
    into.start(jobs.front(), tables, frame);
    jobs = jobs.subspan(1);
  };
  for (; active < decode_lanes && !jobs.empty(); ++active) {
    working[active] = &frames[active];
    take_next(frames[active]);
  }
  while (active > 0) {
    take_steps(tables, std::span(working).first(active));
    for (std::size_t i = 0; i < active; ++i) {
      frame_in_work& one = *working[i];
      if (!one.is_stuck(tables)) continue;
      one.go_on(tables);
      if (one.now == frame_in_work::state::running) continue;
      if (!one.finish(frame)) {
        one.start(*one.job, tables, frame, false);
      } else if (!jobs.empty()) {
        take_next(one);
      } else {
        working[i--] = working[--active];
      }
    }
  }
}

void frame_decoder::take_steps(const code_tables& tables, std::span<frame_in_work* const> working) {
  const auto may_step = [](const frame_in_work* one) { return one->lane.may_step(); };
  if (working.size() == decode_lanes && std::all_of(working.begin(), working.end(), may_step)) {
    std::array<decode_lane, decode_lanes> lanes;
    for (std::size_t i = 0; i < decode_lanes; ++i) lanes[i] = working[i]->lane;
    run_lanes(tables.steps.data(), lanes);
    for (std::size_t i = 0; i < decode_lanes; ++i) working[i]->lane = lanes[i];
  } else if (working.size() < decode_lanes) {
    for (frame_in_work* one : working) {
      if (may_step(one)) run_lane(tables.steps.data(), one->lane);
    }
  }
}

}  // namespace countem::io
