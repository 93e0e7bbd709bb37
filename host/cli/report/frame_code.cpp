#include "host/cli/report/frame_code.hpp"

#include <algorithm>
#include <bit>

#include <countem/error.hpp>

namespace countem::cli::report {

namespace {

/// Calls visit(difference) for each event.
template <class Visit>
void for_differences(std::span<const std::uint32_t> events, const Visit& visit) {
  std::uint32_t last = 0;
  for (const std::uint32_t event : events) {
    visit(event - last);
    last = event;
  }
}

struct rice_choice {
  unsigned low_bits = 0;
  std::uint64_t bits = 0;  ///< of all differences
};

/// The best number of low bits lies within one of log2 of the mean difference.
rice_choice choose(std::span<const std::uint32_t> events) {
  const std::uint64_t mean = events.back() / events.size();
  const auto about = static_cast<unsigned>(std::bit_width(mean | 1)) - 1;
  rice_choice best{0, ~std::uint64_t{0}};
  for (unsigned low_bits = about == 0 ? 0 : about - 1; low_bits <= std::min(about + 1, 31U); ++low_bits) {
    std::uint64_t bits = events.size() * (std::uint64_t{low_bits} + 1);
    for_differences(events, [&](std::uint32_t difference) { bits += difference >> low_bits; });
    if (bits < best.bits) best = {low_bits, bits};
  }
  return best;
}

/// Bits, the highest of a byte first.
class bit_writer {
 public:
  explicit bit_writer(std::string& to) : to_(to) {}
  /// The lowest `number` bits, at most 32; the others are 0.
  void put(std::uint32_t bits, unsigned number) {
    waiting_ = waiting_ << number | bits;
    for (filled_ += number; filled_ >= 8; filled_ -= 8) to_ += static_cast<char>(waiting_ >> (filled_ - 8) & 0xffU);
  }
  void finish() {
    if (filled_ != 0) put(0, 8 - filled_);
  }

 private:
  std::string& to_;
  std::uint64_t waiting_ = 0;
  unsigned filled_ = 0;  ///< of the lowest bits, below 8 between calls
};

class byte_reader {
 public:
  explicit byte_reader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size() && unread_bits_ == 0; }

  std::uint8_t byte() {
    if (at_ == bytes_.size()) throw format_error("an embedded frame ends too early");
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::uint64_t varint() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
      const std::uint8_t next = byte();
      number |= std::uint64_t{next & 0x7fU} << shift;
      if (next < 0x80) return number;
    }
    throw format_error("an embedded number is longer than 63 bits");
  }
  bool bit() {
    if (unread_bits_ == 0) {
      current_ = byte();
      unread_bits_ = 8;
    }
    return ((current_ >> --unread_bits_) & 1U) != 0;
  }
  void skip_padding() { unread_bits_ = 0; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  std::uint8_t current_ = 0;
  unsigned unread_bits_ = 0;
};

}  // namespace

void append_varint(std::string& to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7U) to += static_cast<char>(0x80U | (number & 0x7fU));
  to += static_cast<char>(number);
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text(base64_size(bytes.size()), '=');
  char* to = text.data();
  const auto byte = [&](std::size_t at) { return std::uint32_t{static_cast<unsigned char>(bytes[at])}; };
  const auto put = [&](std::uint32_t three, unsigned characters) {
    for (unsigned i = 0; i < characters; ++i) to[i] = alphabet[(three >> (18 - 6 * i)) & 63U];
    to += 4;
  };
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) put(byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2), 4);
  if (bytes.size() - at == 1) put(byte(at) << 16U, 2);
  if (bytes.size() - at == 2) put(byte(at) << 16U | byte(at + 1) << 8U, 3);
  return text;
}

void append_frame(std::string& to, std::span<const std::uint32_t> events) {
  append_varint(to, events.size());
  if (events.empty()) return;
  const unsigned low_bits = choose(events).low_bits;
  to += static_cast<char>(low_bits);
  bit_writer bits(to);
  const std::uint32_t low_mask = (std::uint32_t{1} << low_bits) - 1;
  for_differences(events, [&](std::uint32_t difference) {
    std::uint32_t ones = difference >> low_bits;
    for (; ones >= 32; ones -= 32) bits.put(~std::uint32_t{0}, 32);
    bits.put((std::uint32_t{1} << ones) - 1, ones);
    bits.put(0, 1);
    bits.put(difference & low_mask, low_bits);
  });
  bits.finish();
}

std::uint64_t coded_size(std::span<const std::uint32_t> events) {
  if (events.empty()) return 1;
  return varint_size(events.size()) + 1 + (choose(events).bits + 7) / 8;
}

std::vector<std::uint32_t> decode_frame(std::string_view coded) {
  byte_reader reader(coded);
  const std::uint64_t count = reader.varint();
  if (count > 8 * coded.size()) throw format_error("an embedded frame claims more events than it has bits");
  std::vector<std::uint32_t> events;
  if (count > 0) {
    const unsigned low_bits = reader.byte();
    if (low_bits > 31) throw format_error("an embedded frame has an impossible code");
    std::uint64_t index = 0;
    while (events.size() < count) {
      std::uint64_t difference = 0;
      while (reader.bit()) ++difference;
      for (unsigned low = 0; low < low_bits; ++low) difference = difference << 1U | static_cast<unsigned>(reader.bit());
      index += difference;
      if (index > 0xffff'ffffU) throw format_error("an embedded event lies outside every frame");
      events.push_back(static_cast<std::uint32_t>(index));
    }
    reader.skip_padding();
  }
  if (!reader.at_end()) throw format_error("an embedded frame is followed by something else");
  return events;
}

}  // namespace countem::cli::report
