#include "io/deflate/steps.hpp"

#include <bit>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "io/deflate/steps.cpp"
#include <hwy/foreach_target.h>  // includes this file once per instruction set
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace countem::io::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

static_assert(std::endian::native == std::endian::little, "fields of a step are read where they lie in memory");

constexpr std::uint64_t low_bits(std::uint64_t count) {
  return (std::uint64_t{1} << count) - 1;
}

/// A lane in registers. `left` counts in its low byte alone: a whole step word is subtracted from it.
struct running {
  std::uint64_t bits = 0;
  const std::uint8_t* next = nullptr;  // byte of the stream, seven or eight behind the first bit of `bits`
  std::uint32_t left = 0;              // how many bits are valid
  std::uint64_t at = 0;
  std::uint32_t* event = nullptr;

  HWY_INLINE void load(const decode_lane& lane) {
    next = lane.stream + lane.position / 8;
    at = lane.at;
    event = lane.event;
    refill();
    bits >>= lane.position % 8;
    left -= static_cast<std::uint32_t>(lane.position % 8);
  }
  HWY_INLINE void store(decode_lane& lane) const {
    lane.position = static_cast<std::uint64_t>(next - lane.stream) * 8 - (left & 0xffU);
    lane.at = at;
    lane.event = event;
  }
  /// At least 56 bits from here on.
  HWY_INLINE void refill() {
    std::uint64_t word = 0;
    std::memcpy(&word, next, sizeof word);
    bits |= word << (left & 63U);
    next += 7;
    next -= left >> 3U & 7U;
    left |= 56U;
  }
  /// Returns how many bits were used.
  HWY_INLINE std::uint32_t step(const decode_step* steps) {
    const auto* entry = reinterpret_cast<const std::uint8_t*>(steps + (bits & low_bits(decode_step::index_bits)));
    std::uint64_t word = 0;
    std::uint16_t advance = 0;
    std::memcpy(&word, entry, sizeof word);
    std::memcpy(&advance, entry + 2, sizeof advance);
#if HWY_TARGET == HWY_SCALAR
    for (unsigned i = 0; i < decode_step::most_events; ++i) event[i] = static_cast<std::uint32_t>(at + entry[4 + i]);
#else
    const hn::FixedTag<std::uint32_t, 4> four;
    const hn::Rebind<std::uint8_t, decltype(four)> bytes;  // three offsets and a byte that goes nowhere
    hn::StoreU(hn::Add(hn::PromoteTo(four, hn::LoadU(bytes, entry + 4)), hn::Set(four, static_cast<std::uint32_t>(at))), four,
               event);
#endif
    event += word >> 62U;
    at += advance;
    at += bits >> (word >> 56U & 63U) & low_bits(word >> 8U & 0xffU);
    bits >>= word & 63U;
    left -= static_cast<std::uint32_t>(word);
    return static_cast<std::uint32_t>(word) & 0xffU;
  }
};

template <std::size_t Lanes>
HWY_INLINE void run(const decode_step* steps, decode_lane* lanes) {
  // What three steps use, extra bits and distance included, is in the bits of one refill.
  constexpr unsigned most_bits = decode_step::index_bits + 5 + 1;
  constexpr unsigned steps_a_refill = 3;
  static_assert(steps_a_refill * most_bits <= 56 && decode_lane::steps_a_round % steps_a_refill == 0);
  running now[Lanes];
  for (std::size_t i = 0; i < Lanes; ++i) now[i].load(lanes[i]);
  bool go_on = true;
  while (go_on) {
    std::uint32_t used[Lanes] = {};
    for (unsigned refill = 0; refill < decode_lane::steps_a_round / steps_a_refill; ++refill) {
      for (running& lane : now) lane.refill();
      for (unsigned step = 0; step < steps_a_refill; ++step) {
        for (std::size_t i = 0; i < Lanes; ++i) used[i] = now[i].step(steps);
      }
    }
    // A step of 0 bits changes nothing, so it is enough to test the last one.
    for (std::size_t i = 0; i < Lanes; ++i) {
      go_on = go_on && used[i] != 0 && now[i].event <= lanes[i].last_event &&
              now[i].next < lanes[i].stream + lanes[i].last_position / 8;
    }
  }
  for (std::size_t i = 0; i < Lanes; ++i) now[i].store(lanes[i]);
}

void run_all(const decode_step* steps, decode_lane* lanes) {
  run<decode_lanes>(steps, lanes);
}
void run_one(const decode_step* steps, decode_lane* lane) {
  run<1>(steps, lane);
}

template <unsigned ElementBytes>
HWY_INLINE void encode(const encode_tables tables, encode_lane& lane) {
  constexpr std::ptrdiff_t largest_low_byte = 0xff;  // multiplicity that fits into one literal
  // In variables of their own, which the compiler keeps in registers: the bytes written could alias anything else.
  bit_writer out = lane.out;
  std::uint64_t next = lane.next;
  const std::uint32_t* event = lane.event;
  const std::uint32_t* const end = tables.end;
  while (end - event > 1) {  // not event + 1: a frame without events may have none to point at
    const std::uint64_t run = std::uint64_t{*event} * ElementBytes - next;  // wraps when the events are not sorted
    if (run >= tables.runs || tables.run_then_one[run] == 0) [[unlikely]]
      break;
    if (event[1] != *event) [[likely]] {
      out.put(tables.run_then_one[run]);
      ++event;
    } else {
      const std::uint32_t* last = event + 2;
      while (last < end && *last == *event) ++last;
      if (last - event > largest_low_byte || tables.symbols[last - event] == 0) break;
      out.put(without_last(tables.run_then_one[run], tables.symbols[1]));
      out.put(tables.symbols[last - event]);
      event = last;
    }
    next += run + 1;
  }
  lane = {event, out, next};
}

void encode_one(const encode_tables& tables, encode_lane* lane) {
  tables.element_bytes == 1 ? encode<1>(tables, *lane) : encode<2>(tables, *lane);
}

std::uint64_t sum(const std::uint32_t* numbers, std::size_t count) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += numbers[i];
  return total;
}

}  // namespace
}  // namespace countem::io::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::io {

HWY_EXPORT(run_all);
HWY_EXPORT(run_one);
HWY_EXPORT(encode_one);
HWY_EXPORT(sum);

void run_lanes(const decode_step* steps, std::array<decode_lane, decode_lanes>& lanes) {
  HWY_DYNAMIC_DISPATCH(run_all)(steps, lanes.data());
}
void run_lane(const decode_step* steps, decode_lane& lane) {
  HWY_DYNAMIC_DISPATCH(run_one)(steps, &lane);
}
void run_lane(const encode_tables& tables, encode_lane& lane) {
  HWY_DYNAMIC_DISPATCH(encode_one)(tables, &lane);
}
std::uint64_t sum_of(std::span<const std::uint32_t> numbers) {
  return HWY_DYNAMIC_DISPATCH(sum)(numbers.data(), numbers.size());
}

}  // namespace countem::io
#endif
