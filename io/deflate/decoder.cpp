#include <algorithm>
#include <array>
#include <utility>

#include "io/deflate/bits.hpp"
#include "io/deflate/code.hpp"
#include "io/deflate/code_tables.hpp"
#include "io/deflate/frame.hpp"
#include "io/deflate/steps.hpp"

namespace countem::io {

namespace {

constexpr std::size_t check_bytes = 4;

/// Whether the Adler-32 behind a stream is that of a frame with these events and no others.
/// `single_bytes`: no pixel's multiplicity is more than one byte holds.
bool has_check(std::span<const std::uint8_t> stored, std::span<const std::uint32_t> events, const dense_layout& frame,
               bool single_bytes) {
  sparse_adler32 check(frame.bytes());
  if (single_bytes) {
    check.add_ones(events.size(), sum_of(events), frame.element_bytes);
  } else {
    for (std::size_t first = 0; first < events.size();) {
      std::size_t last = first + 1;
      while (last < events.size() && events[last] == events[first]) ++last;
      const std::size_t multiplicity = std::min<std::size_t>(last - first, frame.largest());
      const std::uint64_t at = std::uint64_t{events[first]} * frame.element_bytes;
      check.add(at, static_cast<std::uint32_t>(multiplicity & 0xffU));
      if (multiplicity > 0xffU) check.add(at + 1, static_cast<std::uint32_t>(multiplicity >> 8U));
      first = last;
    }
  }
  std::uint32_t value = 0;
  for (const std::uint8_t byte : stored) value = value << 8U | byte;
  return value == check.value();
}

/// Whether a pixel may have more events than one byte counts: so many in a row would show in samples half as far apart.
bool may_exceed_a_byte(std::span<const std::uint32_t> events) {
  constexpr std::size_t step = 128;
  for (std::size_t i = step; i < events.size(); i += step) {
    if (events[i] == events[i - step]) return true;
  }
  return false;
}

}  // namespace

bool ends_with_check_of(std::span<const std::uint32_t> events, std::span<const std::uint8_t> stream,
                        const dense_layout& frame) {
  return stream.size() >= check_bytes && has_check(stream.last(check_bytes), events, frame, !may_exceed_a_byte(events));
}

/// One frame being decoded. Events go where they belong until a round of steps might write behind them, and then into a
/// memory of their own, from which finish() takes them. They are bytes of the dense form; with elements of two bytes, finish()
/// makes pixels of them.
struct frame_decoder::frame_in_work {
  enum class state : std::uint8_t { running, ended, failed };

  /// Without `by_steps`, symbol by symbol: steps know no high bytes of wide elements.
  void start(decoding& from, const code_tables& tables, const dense_layout& frame, bool by_steps = true) {
    job = &from;
    end = frame.bytes();
    element_bytes = frame.element_bytes;
    now = state::running;
    spilling = false;
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

  /// Changes to that memory when too few events are left for a round; sets where a round must not begin any more.
  void make_room() {
    if (spilling) return;
    const std::size_t left = job->events.size() - written();
    if (left >= decode_lane::event_room) {
      lane.last_event = lane.event + (left - decode_lane::event_room);
      return;
    }
    split = written();
    spilling = true;
    lane.event = rest.data();
    lane.last_event = rest.data() + left;
  }

  [[nodiscard]] std::size_t written() const {
    return spilling ? split + static_cast<std::size_t>(lane.event - rest.data())
                    : static_cast<std::size_t>(lane.event - job->events.data());
  }

  /// Whether resume() is needed before the next round of steps.
  [[nodiscard]] bool is_stuck(const code_tables& tables) const {
    return !lane.may_step() ||
           tables.steps[bit_reader(job->stream, lane.position).peek() & low_bits(decode_step::index_bits)].bits() == 0;
  }

  /// Resumes where steps cannot: makes room, or reads one symbol.
  void resume(const code_tables& tables) {
    if (!spilling && lane.event > lane.last_event) {
      make_room();
    } else {
      take_symbol(tables);
    }
  }

  void take_symbol(const code_tables& tables) {
    const std::span<const std::uint8_t> stream = job->stream;
    std::uint64_t bits = bit_reader(stream, lane.position).peek();
    const symbol next = tables.symbols[bits & low_bits(tables.symbol_bits)];
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
    const std::span<std::uint32_t> events = job->events;
    if (now != state::ended || lane.at != end || written() != events.size()) return;
    if (check_at > job->stream.size() || job->stream.size() - check_at < check_bytes) return;
    if (spilling) std::copy_n(rest.begin(), events.size() - split, events.begin() + static_cast<std::ptrdiff_t>(split));
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
  bool spilling = false;
  std::size_t split = 0;  // events before those in `rest`
  std::array<std::uint32_t, 2 * decode_lane::event_room> rest{};
};

frame_decoder::frame_decoder() = default;
frame_decoder::~frame_decoder() = default;

const code_tables* frame_decoder::tables_of(std::span<const std::uint8_t> stream) {
  constexpr std::size_t most_known = 16;  // codes change rarely, and frames may be read in any order
  auto found = std::find_if(known_.begin(), known_.end(), [&](const auto& tables) { return tables->begin(stream); });
  if (found == known_.end()) {
    std::shared_ptr<const code_tables> shared = code_tables::shared(stream);
    if (!shared) return nullptr;
    if (known_.size() == most_known) known_.pop_back();
    found = known_.insert(known_.end(), std::move(shared));
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
      one.resume(tables);
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
