#include "io/store/chunk.hpp"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include <countem/error.hpp>

#include "io/deflate/crc32c.hpp"

namespace countem::io {

namespace {

constexpr unsigned segment_shift = 16;  // the compact indices: low halves, and how many share each high half
constexpr int values_level = 1;         // a quarter faster than 2, 1 % larger
constexpr std::uint8_t known_flags = chunk_footer::has_indices | chunk_footer::has_values | chunk_footer::is_cut;

/// Byte offsets in the footer.
enum footer_field : std::size_t {
  at_magic = 0,
  at_version = 8,
  at_flags = 10,
  at_status = 11,
  at_xrays = 12,
  at_frame = 16,
  at_events = 24,
  at_stream_bytes = 28,
  at_indices_bytes = 32,
  at_values_bytes = 36,
  at_reserved = 40,
  at_crc = 44,
};

template <class T>
void store(std::uint8_t* footer, footer_field field, T value) {
  std::memcpy(footer + field, &value, sizeof value);
}

template <class T>
T load(const std::uint8_t* footer, footer_field field) {
  T value;
  std::memcpy(&value, footer + field, sizeof value);
  return value;
}

std::size_t segments(const dense_layout& frame) {
  return static_cast<std::size_t>((frame.pixels + (std::uint64_t{1} << segment_shift) - 1) >> segment_shift);
}

/// HDF5's index of chunks keeps a stored size in a byte more than the frame's own size takes, at most four.
std::uint64_t largest_chunk(const dense_layout& frame) {
  const auto log2 = static_cast<unsigned>(std::bit_width(frame.bytes())) - 1;
  const unsigned size_bytes = 1 + (log2 + 8) / 8;
  return size_bytes >= 4 ? max_chunk_bytes : (std::uint64_t{1} << (8 * size_bytes)) - 1;
}

std::size_t append_indices(std::span<const std::uint32_t> events, const dense_layout& frame, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  const std::size_t lows = segments(frame) * sizeof(std::uint32_t);
  out.resize(start + lows + events.size() * sizeof(std::uint16_t));
  std::vector<std::uint32_t> counts(segments(frame));
  for (const std::uint32_t event : events) ++counts[event >> segment_shift];
  std::memcpy(out.data() + start, counts.data(), lows);
  std::uint8_t* low = out.data() + start + lows;
  for (const std::uint32_t event : events) {
    const auto half = static_cast<std::uint16_t>(event);
    std::memcpy(low, &half, sizeof half);
    low += sizeof half;
  }
  return out.size() - start;
}

std::size_t append_values(std::span<const std::uint32_t> values, std::vector<std::uint8_t>& out) {
  // Charges differ in their low byte and agree in the high ones: byte planes compress about twice as well.
  const std::size_t count = values.size();
  std::vector<std::uint8_t> planes(4 * count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t plane = 0; plane < 4; ++plane)
      planes[plane * count + i] = static_cast<std::uint8_t>(values[i] >> (8 * plane));
  }
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(values_level), libdeflate_free_compressor);
  if (!compressor) throw std::bad_alloc();
  const std::size_t start = out.size();
  out.resize(start + libdeflate_zlib_compress_bound(compressor.get(), planes.size()));
  const std::size_t length =
      libdeflate_zlib_compress(compressor.get(), planes.data(), planes.size(), out.data() + start, out.size() - start);
  out.resize(start + length);
  return length;
}

}  // namespace

std::optional<chunk_footer> parse_footer(std::span<const std::uint8_t, chunk_footer_bytes> bytes) {
  const std::uint8_t* at = bytes.data();
  if (std::memcmp(at + at_magic, chunk_magic.data(), chunk_magic.size()) != 0) return std::nullopt;
  chunk_footer footer;
  footer.flags = load<std::uint8_t>(at, at_flags);
  footer.facts.status = load<std::uint8_t>(at, at_status);
  footer.facts.xrays = load<std::uint32_t>(at, at_xrays);
  footer.facts.frame = load<std::uint64_t>(at, at_frame);
  footer.events = load<std::uint32_t>(at, at_events);
  footer.stream_bytes = load<std::uint32_t>(at, at_stream_bytes);
  footer.indices_bytes = load<std::uint32_t>(at, at_indices_bytes);
  footer.values_bytes = load<std::uint32_t>(at, at_values_bytes);
  footer.crc = load<std::uint32_t>(at, at_crc);
  const bool understood = load<std::uint16_t>(at, at_version) == chunk_version && (footer.flags & ~known_flags) == 0 &&
                          load<std::uint32_t>(at, at_reserved) == 0;
  return understood ? std::optional(footer) : std::nullopt;
}

std::optional<chunk_footer> find_footer(std::span<const std::uint8_t> chunk) {
  if (chunk.size() < chunk_footer_bytes) return std::nullopt;
  const std::optional<chunk_footer> footer = parse_footer(chunk.last<chunk_footer_bytes>());
  return footer && footer->chunk_bytes() <= chunk.size() ? footer : std::nullopt;
}

bool is_intact(std::span<const std::uint8_t> chunk, const chunk_footer& footer) {
  return footer.chunk_bytes() == chunk.size() && crc32c(chunk.data(), chunk.size() - chunk_footer_bytes + at_crc) == footer.crc;
}

void append_chunk(const frame_encoder& encoder, const dense_layout& frame, const frame_facts& facts,
                  std::span<const std::uint32_t> events, std::span<const std::uint32_t> values, bool keep_values,
                  bool keep_indices, std::vector<std::uint8_t>& out) {
  const std::size_t start = out.size();
  const bool cut = encoder.encode(events, out);
  const std::size_t stream_bytes = out.size() - start;
  const std::size_t indices_bytes = keep_indices || cut ? append_indices(events, frame, out) : 0;
  const std::size_t values_bytes = keep_values ? append_values(values, out) : 0;
  if (out.size() - start + chunk_footer_bytes > largest_chunk(frame)) {
    throw invalid_argument("frame " + std::to_string(facts.frame) + " has " + std::to_string(events.size()) +
                           " events, more than fit into its HDF5 chunk of at most " + std::to_string(largest_chunk(frame)) +
                           " bytes; raise the threshold");
  }
  out.resize(out.size() + chunk_footer_bytes, 0);
  std::uint8_t* at = out.data() + out.size() - chunk_footer_bytes;
  std::memcpy(at + at_magic, chunk_magic.data(), chunk_magic.size());
  store(at, at_version, chunk_version);
  unsigned flags = 0;
  if (indices_bytes != 0) flags |= chunk_footer::has_indices;
  if (keep_values) flags |= chunk_footer::has_values;
  if (cut) flags |= chunk_footer::is_cut;
  store(at, at_flags, static_cast<std::uint8_t>(flags));
  store(at, at_status, facts.status);
  store(at, at_xrays, facts.xrays);
  store(at, at_frame, facts.frame);
  store(at, at_events, static_cast<std::uint32_t>(events.size()));
  store(at, at_stream_bytes, static_cast<std::uint32_t>(stream_bytes));
  store(at, at_indices_bytes, static_cast<std::uint32_t>(indices_bytes));
  store(at, at_values_bytes, static_cast<std::uint32_t>(values_bytes));
  store(at, at_crc, crc32c(out.data() + start, out.size() - start - chunk_footer_bytes + at_crc));
}

struct chunk_decoder::inflater {
  inflater() : state(libdeflate_alloc_decompressor(), libdeflate_free_decompressor) {
    if (!state) throw std::bad_alloc();
  }
  std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> state;
};

chunk_decoder::chunk_decoder(const dense_layout& frame) : frame_(frame), inflater_(std::make_unique<inflater>()) {}
chunk_decoder::~chunk_decoder() = default;

void chunk_decoder::decode(std::span<chunk_decoding> jobs) {
  streams_.clear();
  streamed_.clear();
  for (chunk_decoding& job : jobs) {
    try {
      decode_sections(job);
    } catch (const format_error& reason) {
      job.fault = reason.what();
    }
  }
  decoder_.decode(streams_, frame_);
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::uint32_t stream_bytes = streamed_[i]->footer.stream_bytes;
    if (streams_[i].result == decoding::outcome::decoded && streams_[i].stream_bytes == stream_bytes) continue;
    try {
      decode_foreign(streams_[i].stream.first(stream_bytes), streams_[i].events);
    } catch (const format_error& reason) {
      streamed_[i]->fault = reason.what();
    }
  }
}

/// Everything but the zlib stream, which is put on the list where it is needed.
void chunk_decoder::decode_sections(chunk_decoding& job) {
  const chunk_footer& footer = job.footer;
  if (job.events.size() != footer.events) {
    throw format_error("the chunk holds " + std::to_string(footer.events) + " events where " +
                       std::to_string(job.events.size()) + " are expected");
  }
  if ((footer.flags & chunk_footer::has_indices) != 0) {
    decode_indices(job.chunk.subspan(footer.stream_bytes, footer.indices_bytes), job.events);
  } else {
    streams_.push_back({job.chunk, job.events});  // what follows the stream lets the decoder read ahead
    streamed_.push_back(&job);
  }
  if (job.values.empty()) return;
  if ((footer.flags & chunk_footer::has_values) == 0) throw format_error("the chunk holds no values");
  decode_values(job.chunk.subspan(std::size_t{footer.stream_bytes} + footer.indices_bytes, footer.values_bytes), job.values);
}

void chunk_decoder::decode_indices(std::span<const std::uint8_t> section, std::span<std::uint32_t> events) const {
  const std::size_t lows = segments(frame_) * sizeof(std::uint32_t);
  if (section.size() != lows + events.size() * sizeof(std::uint16_t))
    throw format_error("the compact indices have the wrong length");
  const std::uint8_t* low = section.data() + lows;
  std::size_t done = 0;
  for (std::size_t segment = 0; segment < segments(frame_); ++segment) {
    std::uint32_t count = 0;
    std::memcpy(&count, section.data() + segment * sizeof count, sizeof count);
    if (count > events.size() - done) throw format_error("the compact indices count more events than the chunk holds");
    const auto high = static_cast<std::uint32_t>(segment << segment_shift);
    std::uint32_t* to = events.data() + done;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, low + i * sizeof half, sizeof half);
      to[i] = high | half;
    }
    low += count * sizeof(std::uint16_t);
    done += count;
  }
  if (done != events.size()) throw format_error("the compact indices count fewer events than the chunk holds");
  if (!std::is_sorted(events.begin(), events.end())) throw format_error("the compact indices are not sorted");
  if (!events.empty() && events.back() >= frame_.pixels) throw format_error("a compact index lies outside the frame");
}

void chunk_decoder::decode_values(std::span<const std::uint8_t> section, std::span<std::uint32_t> values) {
  const std::size_t count = values.size();
  planes_.resize(4 * count);
  inflate_exactly(section, planes_);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<std::uint32_t>(planes_[i]) | static_cast<std::uint32_t>(planes_[count + i]) << 8U |
                static_cast<std::uint32_t>(planes_[2 * count + i]) << 16U |
                static_cast<std::uint32_t>(planes_[3 * count + i]) << 24U;
  }
}

void chunk_decoder::inflate_exactly(std::span<const std::uint8_t> stream, std::span<std::uint8_t> to) {
  std::size_t used = 0;
  const libdeflate_result result =
      libdeflate_zlib_decompress_ex(inflater_->state.get(), stream.data(), stream.size(), to.data(), to.size(), &used, nullptr);
  if (result != LIBDEFLATE_SUCCESS) throw format_error("a compressed stream is damaged or has the wrong length");
}

void chunk_decoder::inflate(std::span<const std::uint8_t> stream, const dense_visitor& visit) {
  // Deflate gains at most a factor of 1032.
  constexpr std::uint64_t largest_gain = 1032;
  if (frame_.bytes() > (stream.size() + 1) * largest_gain) throw format_error("a compressed stream is too short for its frame");
  if (frame_.bytes() > largest_piece) return inflate_by_pieces(stream, visit);
  dense_.resize(static_cast<std::size_t>(frame_.bytes()));
  inflate_exactly(stream, dense_);
  visit(0, dense_);
}

/// libdeflate is faster, but wants to have all of the result in memory.
void chunk_decoder::inflate_by_pieces(std::span<const std::uint8_t> stream, const dense_visitor& visit) {
  constexpr std::size_t piece_bytes = std::size_t{4} << 20U;
  z_stream zlib{};
  if (inflateInit(&zlib) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> ended(&zlib, inflateEnd);
  zlib.next_in = const_cast<Bytef*>(stream.data());  // zlib reads it only
  zlib.avail_in = static_cast<uInt>(stream.size());
  dense_.resize(piece_bytes);
  int result = Z_OK;
  std::uint64_t done = 0;
  while (result == Z_OK && done <= frame_.bytes()) {
    zlib.next_out = dense_.data();
    zlib.avail_out = static_cast<uInt>(piece_bytes);
    while (result == Z_OK && zlib.avail_out != 0) result = ::inflate(&zlib, Z_NO_FLUSH);
    const std::size_t bytes = piece_bytes - zlib.avail_out;
    if (done + bytes <= frame_.bytes()) visit(done, std::span(dense_).first(bytes));
    done += bytes;
  }
  if (result != Z_STREAM_END || done != frame_.bytes())
    throw format_error("a compressed stream is damaged or has the wrong length");
}

void chunk_decoder::decode_foreign(std::span<const std::uint8_t> stream, std::span<std::uint32_t> events) {
  dense_scanner scanner(frame_, events);
  inflate(stream, [&](std::uint64_t first_byte, std::span<const std::uint8_t> piece) { scanner.take(first_byte, piece); });
  scanner.finish();
}

void dense_scanner::take(std::uint64_t first_byte, std::span<const std::uint8_t> piece) {
  for (std::size_t at = 0; at < piece.size() && !too_many_;) {
    // Sparse frames are mostly zeros: eight bytes a look.
    std::uint64_t word = 0;
    if (at % 8 == 0 && at + sizeof word <= piece.size()) {
      std::memcpy(&word, piece.data() + at, sizeof word);
      if (word == 0) {
        at += sizeof word;
        continue;
      }
    }
    std::size_t multiplicity = piece[at];
    if (frame_.element_bytes == 2) multiplicity |= static_cast<std::size_t>(piece[at + 1]) << 8U;
    too_many_ = multiplicity > events_.size() - found_;
    if (too_many_) break;
    std::fill_n(events_.begin() + static_cast<std::ptrdiff_t>(found_), multiplicity,
                static_cast<std::uint32_t>((first_byte + at) / frame_.element_bytes));
    found_ += multiplicity;
    at += frame_.element_bytes;
  }
}

void dense_scanner::finish() const {
  if (!too_many_ && found_ == events_.size()) return;
  throw format_error("the dense frame does not hold the " + std::to_string(events_.size()) + " events that its count says");
}

std::uint64_t most_events(std::uint64_t chunk_bytes, const dense_layout& frame) {
  // A literal takes at least one bit; its multiplicity is at most what the element holds. Compact indices take two bytes each.
  constexpr std::uint64_t bits_per_byte = 8;
  return chunk_bytes * bits_per_byte * frame.largest();
}

}  // namespace countem::io
