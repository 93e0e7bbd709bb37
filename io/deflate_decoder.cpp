#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

#include "io/deflate_code.hpp"
#include "io/deflate_frame.hpp"

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
  if (prefix_.empty() || stream.size() <= whole ||
      !std::equal(prefix_.begin(), prefix_.begin() + static_cast<std::ptrdiff_t>(whole), stream.begin())) {
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
  if ((stream[0] & 0x0fU) != 8 || (stream[0] * 256U + stream[1]) % 31 != 0 || (stream[1] & preset_dictionary) != 0)
    return false;
  bit_reader in(stream, 16);
  const bool last_block = in.take(1) == 1;
  const bool dynamic = in.take(2) == 2;
  if (!last_block || !dynamic) return false;
  const std::optional<block_codes> codes = read_block_codes(in);
  if (!codes || codes->literals[end_of_block] == 0 || !is_complete_code(codes->literals)) return false;
  if (!is_ours(codes->distances)) return false;

  fill_table(codes->literals, longest_code, symbols_);
  make_steps();
  prefix_bits_ = static_cast<std::size_t>(in.position());
  const std::size_t kept = std::min(stream.size(), prefix_bits_ / 8 + 1);
  prefix_.assign(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(kept));
  prefix_.resize(prefix_bits_ / 8 + 1);
  return true;
}

void frame_decoder::make_steps() {
  steps_.assign(std::size_t{1} << step_table_bits, step{});
  for (std::size_t window = 0; window < steps_.size(); ++window) {
    step::parts filled;
    while (filled.bits < step_table_bits) {
      const symbol next = symbols_[window >> filled.bits];
      const bool event = next.value == 1;
      const bool repeated_event = next.value > 1 && next.value < end_of_block;
      if (filled.bits + next.bits > step_table_bits || next.value == end_of_block || repeated_event) break;
      if (event && filled.events == 2) break;
      filled.bits += next.bits;
      if (next.value < end_of_block) {
        if (event) (filled.events++ == 0 ? filled.first_event : filled.second_event) = filled.advance;
        ++filled.advance;
        continue;
      }
      const unsigned code = next.value - first_length_symbol;
      const unsigned extra = length_extra_bits[code];
      const bool extra_inside = filled.bits + extra <= step_table_bits;
      filled.advance += length_base[code];
      if (extra_inside) {
        filled.advance += static_cast<unsigned>(window >> filled.bits & low_bits(extra));
      } else {
        filled.extra_at = filled.bits;
        filled.extra_mask = static_cast<unsigned>(low_bits(extra));
      }
      filled.bits += extra + distance_code_bits;
      if (!extra_inside) break;
    }
    steps_[window] = step(filled);
  }
}

/// How far one frame is read. By value through everything, so that the compiler keeps it in registers.
struct frame_decoder::lane {
  const std::uint8_t* stream;
  std::uint64_t position;  // bit of the stream
  std::uint64_t at;        // byte of the dense form
  std::uint32_t* event;    // where the next one goes
  // Steps are taken up to here.
  std::uint64_t last_position;
  std::uint32_t* last_event;

  std::uint64_t bytes;  // of the stream
  std::uint64_t end;    // of the dense form
  std::uint32_t* events_end;
  unsigned element_bytes;
  enum class state : std::uint8_t { running, ended, failed } now = state::running;

  // Three steps take at most 3 (12 + 5 + 1) bits, which one word holds at any offset, and write at most six events, some
  // perhaps in vain: events go to a buffer with room for those. Steps know one-byte elements and multiplicity 1 only.
  static constexpr unsigned steps_at_once = 3;
  static constexpr std::size_t room = 2 * steps_at_once;
  static_assert(steps_at_once * (step_table_bits + 5 + distance_code_bits) <= 57);

  lane(const decoding& job, std::vector<std::uint32_t>& buffer, std::uint64_t first_position, const dense_layout& frame)
      : stream(job.stream.data()),
        position(first_position),
        at(0),
        last_position(0),
        bytes(job.stream.size()),
        end(frame.bytes()),
        element_bytes(frame.element_bytes) {
    if (buffer.size() < job.events.size() + room) buffer.resize(job.events.size() + room);
    event = buffer.data();
    last_event = events_end = event + job.events.size();
    if (bytes >= sizeof(std::uint64_t) && element_bytes == 1) last_position = (bytes - sizeof(std::uint64_t)) * 8;
  }

  [[nodiscard]] bool may_step() const { return position < last_position && event <= last_event && now == state::running; }
  [[nodiscard]] std::uint64_t word() const {
    std::uint64_t loaded = 0;
    std::memcpy(&loaded, stream + position / 8, sizeof loaded);
    return loaded >> (position % 8);
  }
  void take(step next, std::uint64_t& bits) {
    event[0] = static_cast<std::uint32_t>(at + next.first_event());
    event[1] = static_cast<std::uint32_t>(at + next.second_event());
    event += next.events();
    at += next.advance() + (bits >> next.extra_at() & next.extra_mask());
    bits >>= next.bits();
    position += next.bits();
  }
};

frame_decoder::lane frame_decoder::take_symbol(lane at) const {
  const bit_reader in({at.stream, static_cast<std::size_t>(at.bytes)}, at.position);
  std::uint64_t bits = in.peek();
  const symbol next = symbols_[bits & low_bits(longest_code)];
  bits >>= next.bits;
  at.position += next.bits;
  at.now = lane::state::failed;
  if (at.position > at.bytes * 8 || at.at > at.end) return at;
  if (next.value == end_of_block) {
    at.now = lane::state::ended;
    return at;
  }
  if (next.value > end_of_block) {
    const unsigned code = next.value - first_length_symbol;
    at.at += length_base[code] + (bits & low_bits(length_extra_bits[code]));
    at.position += length_extra_bits[code] + distance_code_bits;
  } else {
    if (next.value != 0) {
      const std::size_t multiplicity = std::size_t{next.value} << (8 * (at.at % at.element_bytes));
      // Steps may have gone past the end: the difference can be negative.
      if (at.at >= at.end || static_cast<std::ptrdiff_t>(multiplicity) > at.events_end - at.event) return at;
      at.event = std::fill_n(at.event, multiplicity, static_cast<std::uint32_t>(at.at / at.element_bytes));
    }
    ++at.at;
  }
  at.now = lane::state::running;
  return at;
}

frame_decoder::lane frame_decoder::run_alone(lane at) const {
  const step* steps = steps_.data();
  while (at.now == lane::state::running) {
    bool stuck = true;
    if (at.may_step()) {
      std::uint64_t bits = at.word();
      const std::uint64_t before = at.position;
      for (unsigned i = 0; i < lane::steps_at_once; ++i) at.take(steps[bits & low_bits(step_table_bits)], bits);
      stuck = at.position == before;
    }
    if (stuck) at = take_symbol(at);
  }
  return at;
}

void frame_decoder::run_together(lane& first, lane& second) const {
  const step* steps = steps_.data();
  lane a = first;
  lane b = second;
  while (a.may_step() && b.may_step()) {
    std::uint64_t bits_a = a.word();
    std::uint64_t bits_b = b.word();
    for (unsigned i = 0; i + 1 < lane::steps_at_once; ++i) {
      a.take(steps[bits_a & low_bits(step_table_bits)], bits_a);
      b.take(steps[bits_b & low_bits(step_table_bits)], bits_b);
    }
    // A step of 0 bits changes nothing, so it is enough to look at the last one.
    const step last_a = steps[bits_a & low_bits(step_table_bits)];
    const step last_b = steps[bits_b & low_bits(step_table_bits)];
    a.take(last_a, bits_a);
    b.take(last_b, bits_b);
    if (last_a.bits() == 0) [[unlikely]]
      a = take_symbol(a);
    if (last_b.bits() == 0) [[unlikely]]
      b = take_symbol(b);
  }
  first = a;
  second = b;
}

void frame_decoder::finish(const lane& at, decoding& job, const dense_layout& frame) {
  const std::size_t check_at = static_cast<std::size_t>((at.position + 7) / 8);
  if (at.now != lane::state::ended || at.at != at.end || at.event != at.events_end || check_at + 4 > job.stream.size()) return;
  std::copy_n(at.events_end - job.events.size(), job.events.size(), job.events.begin());
  if (!job.events.empty() && job.events.back() >= frame.pixels) return;
  sparse_adler32 check(frame.bytes());
  add_events(job.events, frame.element_bytes, check);
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < 4; ++i) stored = stored << 8U | job.stream[check_at + i];
  job.stream_bytes = check_at + 4;
  if (stored == check.value()) job.result = decoding::outcome::decoded;
}

void frame_decoder::decode(std::span<decoding> jobs, const dense_layout& frame) {
  std::size_t next = 0;
  while (next < jobs.size()) {
    decoding& opening = jobs[next++];
    opening.result = decoding::outcome::foreign;
    if (read_prefix(opening.stream)) decode_alike(opening, jobs, next, frame);
  }
}

void frame_decoder::decode_alike(decoding& opening, std::span<decoding> jobs, std::size_t& next, const dense_layout& frame) {
  // Two lanes, each refilled as its frame ends, for as long as the frames have the Huffman codes of the tables.
  const auto is_alike = [&] { return next < jobs.size() && same_prefix(jobs[next].stream); };
  const auto take_next = [&](lane& into, std::vector<std::uint32_t>& buffer) {
    jobs[next].result = decoding::outcome::foreign;
    into = lane(jobs[next], buffer, prefix_bits_, frame);
    return &jobs[next++];
  };
  lane first(opening, first_buffer_, prefix_bits_, frame);
  lane second = first;
  decoding* first_job = &opening;
  decoding* second_job = is_alike() ? take_next(second, second_buffer_) : nullptr;
  while (second_job != nullptr) {
    run_together(first, second);
    if (first.may_step()) {
      std::swap(first, second);
      std::swap(first_job, second_job);
      std::swap(first_buffer_, second_buffer_);
    }
    finish(run_alone(first), *first_job, frame);
    if (is_alike()) {
      first_job = take_next(first, first_buffer_);
    } else {
      first = second;
      first_job = std::exchange(second_job, nullptr);
    }
  }
  finish(run_alone(first), *first_job, frame);
}

}  // namespace countem::io
