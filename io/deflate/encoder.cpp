#include <algorithm>
#include <cstring>
#include <string>

#include <countem/error.hpp>

#include "io/deflate/code.hpp"
#include "io/deflate/frame.hpp"
#include "io/deflate/steps.hpp"

namespace countem::io {

namespace {

/// Runs up to here are literal zeros, one bit each where events are dense, which is where such runs are.
constexpr std::uint64_t short_run = 8;
constexpr unsigned shortest_match = 3;
constexpr unsigned far_distance = 4;
constexpr unsigned far_distance_symbol = 3;  // no extra bits

/// How a run of zero bytes is spelled: literal zeros, a match of what is no multiple of 258, then matches of 258. Most of a
/// sparse frame lies in these, and inflaters copy several times as fast from four bytes back as from the byte before; so
/// matches copy from there where four zeros stand.
struct zero_run {
  explicit zero_run(std::uint64_t length) {
    if (length <= short_run) {
      literals = static_cast<unsigned>(length);
      return;
    }
    full_matches = (length - 1) / longest_match;
    const auto rest = static_cast<unsigned>((length - 1) % longest_match);
    literals = rest < shortest_match ? 1 + rest : 1;
    first_match = rest < shortest_match ? 0 : rest;
  }
  /// Whether the first full match copies from the byte before.
  [[nodiscard]] bool begins_near() const { return full_matches != 0 && literals + first_match < far_distance; }

  unsigned literals = 0;
  unsigned first_match = 0;
  std::uint64_t full_matches = 0;
};

/// Calls `visit(pixel, multiplicity)` for each distinct event of a sorted list.
template <class Visitor>
void for_each_pixel(std::span<const std::uint32_t> events, Visitor visit) {
  for (std::size_t first = 0; first < events.size();) {
    std::size_t last = first + 1;
    while (last < events.size() && events[last] == events[first]) ++last;
    visit(events[first], last - first);
    first = last;
  }
}

/// One item of the run-length code in which a block header gives code lengths.
struct length_item {
  unsigned symbol;
  unsigned extra;
  unsigned extra_bits;
};

std::vector<length_item> run_length_items(std::span<const std::uint8_t> lengths) {
  std::vector<length_item> items;
  for (std::size_t first = 0; first < lengths.size();) {
    const std::uint8_t length = lengths[first];
    std::size_t last = first;
    while (last < lengths.size() && lengths[last] == length) ++last;
    auto run = static_cast<unsigned>(last - first);
    first = last;
    if (length != 0) {
      items.push_back({length, 0, 0});
      --run;
    }
    while (run >= 3) {
      const unsigned most = length != 0 ? 6 : run <= 10 ? 10 : 138;
      const unsigned part = std::min(run, most);
      if (length != 0)
        items.push_back({16, part - 3, 2});
      else if (most == 10)
        items.push_back({17, part - 3, 3});
      else
        items.push_back({18, part - 11, 7});
      run -= part;
    }
    for (; run > 0; --run) items.push_back({length, 0, 0});
  }
  return items;
}

}  // namespace

void symbol_statistics::add(std::span<const std::uint32_t> events, const dense_layout& frame) {
  std::uint64_t next = 0;
  const auto add_zeros = [&](std::uint64_t length) {
    const zero_run run(length);
    counts_[0] += run.literals;
    counts_[first_length_symbol + length_code(longest_match)] += run.full_matches;
    if (run.first_match != 0) ++counts_[first_length_symbol + length_code(run.first_match)];
  };
  for_each_pixel(events, [&](std::uint32_t pixel, std::size_t multiplicity) {
    const std::size_t value = std::min<std::size_t>(multiplicity, frame.largest());
    for (unsigned byte = 0; byte < frame.element_bytes; ++byte) {
      const std::size_t literal = value >> (8 * byte) & 0xffU;
      if (literal == 0) continue;
      const std::uint64_t at = std::uint64_t{pixel} * frame.element_bytes + byte;
      add_zeros(at - next);
      ++counts_[literal];
      next = at + 1;
    }
  });
  add_zeros(frame.bytes() - next);
  ++counts_[end_of_block];
}

frame_encoder::frame_encoder(const symbol_statistics& trained_on, const dense_layout& frame)
    : frame_encoder(trained_on, frame, literals_with_code::seen) {
  complete_.reset(new frame_encoder(trained_on, frame, literals_with_code::all));
}

frame_encoder::frame_encoder(const symbol_statistics& trained_on, const dense_layout& frame, literals_with_code which)
    : frame_(frame) {
  // Symbols that the training did not meet cost the others nothing. Each run needs a code; so do 0 and 1.
  constexpr std::uint64_t seen_weight = 1024;
  constexpr unsigned always_literals = 2;
  std::array<std::uint64_t, literal_symbols> occurrences{};
  for (std::size_t symbol = 0; symbol < literal_symbols; ++symbol) {
    const std::uint64_t count = trained_on.counts()[symbol];
    const bool needed = symbol < always_literals || symbol >= end_of_block || which == literals_with_code::all;
    if (needed || count > 0) occurrences[symbol] = count * seen_weight + 1;
  }
  std::array<std::uint8_t, literal_symbols> lengths{};
  huffman_lengths(occurrences, longest_literal_code, lengths);

  std::array<std::uint16_t, literal_symbols> codes{};
  canonical_codes(lengths, codes);
  for (std::size_t symbol = 0; symbol < literal_symbols; ++symbol) symbols_[symbol] = pack(codes[symbol], lengths[symbol]);
  make_matches();
  make_runs();
  make_prefix(lengths);
}

void frame_encoder::make_matches() {
  // Two distance codes of one bit each: 0 for distance 1, 1 for distance 4.
  for (unsigned length = shortest_match; length <= longest_match; ++length) {
    const unsigned code = length_code(length);
    const std::uint64_t extra = pack(length - length_base[code], length_extra_bits[code]);
    const std::uint64_t spelled = join(symbols_[first_length_symbol + code], extra);
    near_matches_[length] = join(spelled, pack(0, 1));
    if (length == longest_match) far_match_ = join(spelled, pack(1, 1));
  }
}

void frame_encoder::make_runs() {
  for (std::size_t length = 0; length < table_runs; ++length) {
    const zero_run run(length);
    packed_code spelled = 0;
    bool complete = true;
    const auto append = [&](packed_code code) {
      complete = complete && fits(spelled, code);
      if (complete) spelled = join(spelled, code);
    };
    for (unsigned i = 0; i < run.literals; ++i) append(symbols_[0]);
    if (run.first_match != 0) append(near_matches_[run.first_match]);
    if (run.begins_near()) append(near_matches_[longest_match]);
    for (std::uint64_t i = run.begins_near() ? 1 : 0; i < run.full_matches; ++i) append(far_match_);
    append(symbols_[1]);
    run_then_one_[length] = complete ? spelled : 0;
  }
}

void frame_encoder::make_prefix(const std::array<std::uint8_t, literal_symbols>& lengths) {
  std::vector<std::uint8_t> all(lengths.begin(), lengths.end());
  all.resize(literal_symbols + far_distance_symbol + 1, 0);
  all[literal_symbols] = 1;
  all[literal_symbols + far_distance_symbol] = 1;
  const std::vector<length_item> items = run_length_items(all);

  std::array<std::uint64_t, code_length_order.size()> occurrences{};
  for (const length_item& item : items) ++occurrences[item.symbol];
  std::array<std::uint8_t, code_length_order.size()> code_lengths{};
  huffman_lengths(occurrences, longest_code_length_code, code_lengths);
  std::array<std::uint16_t, code_length_order.size()> codes{};
  canonical_codes(code_lengths, codes);
  std::size_t given = code_length_order.size();
  while (given > 4 && code_lengths[code_length_order[given - 1]] == 0) --given;

  prefix_.assign(1024, 0);  // zlib and block header, 19 x 3 bits, at most 290 items of 14 bits
  bit_writer out{prefix_.data()};
  out.put(0x78, 8);  // zlib: deflate, window 32 KiB
  out.put(0x01, 8);  // zlib: check bits
  out.put(1, 1);     // last block
  out.put(2, 2);     // dynamic Huffman codes
  out.put(literal_symbols - 257, 5);
  out.put(far_distance_symbol, 5);
  out.put(given - 4, 4);
  for (std::size_t i = 0; i < given; ++i) out.put(code_lengths[code_length_order[i]], 3);
  for (const length_item& item : items) {
    out.put(codes[item.symbol], code_lengths[item.symbol]);
    out.put(item.extra, item.extra_bits);
  }
  prefix_bytes_ = static_cast<std::size_t>(out.at - prefix_.data());
  prefix_bits_ = out.bits;
  prefix_.resize(prefix_bytes_ + 1);
}

/// A frame being written.
struct frame_encoder::progress {
  bit_writer out;
  sparse_adler32 check;
  std::uint64_t next = 0;  ///< first byte of the dense form that is not spelled yet
  bool cut = false;
  bool without_code = false;  ///< a literal has none: the stream is of no use
};

void frame_encoder::put_zeros(bit_writer& out, std::uint64_t length) const {
  if (length < table_runs && run_then_one_[length] != 0) {  // without its last symbol
    out.put(without_last(run_then_one_[length], symbols_[1]));
    return;
  }
  const zero_run run(length);
  for (unsigned i = 0; i < run.literals; ++i) out.put(symbols_[0]);
  if (run.first_match != 0) out.put(near_matches_[run.first_match]);
  if (run.begins_near()) out.put(near_matches_[longest_match]);
  std::uint64_t left = run.full_matches - (run.begins_near() ? 1 : 0);
  const packed_code full = far_match_;
  if (left >= 4 && 4 * bits_of(full) <= longest_packed) {  // an empty 4096 x 4096 frame has 65,000 of them
    const packed_code four = join(join(full, full), join(full, full));
    for (; left >= 4; left -= 4) out.put(four);
  }
  for (; left > 0; --left) out.put(full);
}

/// Spells the pixel of events[i] and of its like, whatever its multiplicity and the run before it; returns how many those are.
template <unsigned ElementBytes>
std::size_t frame_encoder::put_pixel(std::span<const std::uint32_t> events, std::size_t i, progress& done) const {
  const std::uint32_t pixel = events[i];
  const std::uint64_t at = std::uint64_t{pixel} * ElementBytes;
  if (at < done.next || at >= frame_.bytes()) {
    throw invalid_argument(
        "event " + std::to_string(i) + " at pixel " + std::to_string(pixel) +
        (at < done.next ? " is out of order; sort the events of a frame by pixel" : " lies outside the frame"));
  }
  std::size_t last = i + 1;
  while (last < events.size() && events[last] == pixel) ++last;
  const std::size_t multiplicity = last - i;
  done.cut = done.cut || multiplicity > frame_.largest();
  const std::size_t value = std::min<std::size_t>(multiplicity, frame_.largest());
  for (unsigned byte = 0; byte < ElementBytes; ++byte) {
    const std::uint32_t literal = static_cast<std::uint32_t>(value >> (8 * byte)) & 0xffU;
    if (literal == 0) continue;
    put_zeros(done.out, at + byte - done.next);
    done.out.put(symbols_[literal]);
    done.without_code = done.without_code || bits_of(symbols_[literal]) == 0;
    done.check.add(at + byte, literal);
    done.next = at + byte + 1;
  }
  return multiplicity;
}

template <unsigned ElementBytes>
void frame_encoder::put_events(std::span<const std::uint32_t> events, progress& done) const {
  const std::uint32_t* const begin = events.data();
  const std::uint32_t* const end = begin + events.size();
  std::uint64_t others = 0;
  std::uint64_t other_positions = 0;
  encode_lane lane{begin, done.out, 0};
  for (;;) {
    run_lane({run_then_one_.data(), run_then_one_.size(), symbols_.data(), ElementBytes, end}, lane);
    done.out = lane.out;
    done.next = lane.next;
    if (lane.event == end) break;
    const std::size_t alike = put_pixel<ElementBytes>(events, static_cast<std::size_t>(lane.event - begin), done);
    others += alike;
    other_positions += *lane.event * std::uint64_t{alike};
    lane = {lane.event + alike, done.out, done.next};
  }
  done.check.add_ones(events.size() - others, sum_of(events) - other_positions, ElementBytes);
}

bool frame_encoder::encode(std::span<const std::uint32_t> events, std::vector<std::uint8_t>& out) const {
  // Worst case: each event brings literal zeros, one match and its own literals; full matches come per 258 bytes.
  constexpr std::size_t most_bytes_per_event = 24;
  constexpr std::size_t most_kept_bytes = std::size_t{64} << 20U;
  const std::size_t bound =
      prefix_.size() + 64 + most_bytes_per_event * events.size() + static_cast<std::size_t>(frame_.bytes() / 96);
  thread_local std::vector<std::uint8_t> scratch;
  if (scratch.size() < bound) scratch.resize(bound);

  std::memcpy(scratch.data(), prefix_.data(), prefix_.size());
  progress done{{scratch.data() + prefix_bytes_, prefix_.back(), prefix_bits_}, sparse_adler32(frame_.bytes())};
  frame_.element_bytes == 1 ? put_events<1>(events, done) : put_events<2>(events, done);
  if (done.next > frame_.bytes())
    throw invalid_argument("event at pixel " + std::to_string(events.back()) + " lies outside the frame");
  if (done.without_code) return complete_->encode(events, out);
  put_zeros(done.out, frame_.bytes() - done.next);
  done.out.put(symbols_[end_of_block]);
  std::uint8_t* stop = done.out.at + (done.out.bits > 0 ? 1 : 0);
  const std::uint32_t adler = done.check.value();
  for (const unsigned shift : {24U, 16U, 8U, 0U}) *stop++ = static_cast<std::uint8_t>(adler >> shift);
  out.insert(out.end(), scratch.data(), stop);
  if (scratch.size() > most_kept_bytes) scratch = {};
  return done.cut;
}

}  // namespace countem::io
