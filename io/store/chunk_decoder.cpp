#include "io/store/chunk_decoder.hpp"

#include <libdeflate.h>
#include <zlib.h>

#include <new>

#include <countem/error.hpp>

#include "io/store/chunk_sections.hpp"

namespace countem::io {

struct chunk_decoder::inflater {
  inflater() : state(libdeflate_alloc_decompressor(), libdeflate_free_decompressor) {
    if (!state) throw std::bad_alloc();
  }
  std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> state;
};

chunk_decoder::chunk_decoder(const dense_layout& frame, own_streams policy)
    : frame_(frame), policy_(policy), inflater_(std::make_unique<inflater>()) {}
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
    decode_as_foreign(streams_[i], *streamed_[i]);
  }
}

/// The slow way out, for a stream that is sound although it is not spelled as ours are.
void chunk_decoder::decode_as_foreign(const decoding& stream, chunk_decoding& job) {
  try {
    decode_foreign(stream.stream.first(job.footer.stream_bytes), stream.events);
    if (policy_ == own_streams::must_decode_as_ours) {
      job.fault = "its stream is sound, but the decoder of countem's own streams refuses it: encoder and decoder disagree";
    }
  } catch (const format_error& reason) {
    job.fault = reason.what();
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
    decode_indices(job.chunk.subspan(footer.stream_bytes, footer.indices_bytes), frame_, job.events);
    if (!ends_with_check_of(job.events, job.chunk.first(footer.stream_bytes), frame_)) {
      throw format_error("its compact indices are not the events of its dense form");
    }
  } else {
    streams_.push_back({job.chunk, job.events});  // what follows the stream lets the decoder read ahead
    streamed_.push_back(&job);
  }
  if (job.values.empty()) return;
  if ((footer.flags & chunk_footer::has_values) == 0) throw format_error("the chunk holds no values");
  decode_values(job.chunk.subspan(std::size_t{footer.stream_bytes} + footer.indices_bytes, footer.values_bytes), job.values);
}

void chunk_decoder::decode_values(std::span<const std::uint8_t> section, std::span<std::uint32_t> values) {
  planes_.resize(value_plane_bytes(values.size()));
  inflate_exactly(section, planes_);
  join_value_planes(planes_, values);
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

}  // namespace countem::io
