#include "io/deflate/frame.hpp"

#include <gtest/gtest.h>
#include <libdeflate.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include <memory>
#include <optional>
#include <random>

#include <countem/error.hpp>

#include "io/deflate/code.hpp"
#include "io/deflate/crc32c.hpp"
#include "tests/store/random_events.hpp"

namespace countem::io {
namespace {

using event_list = std::vector<std::uint32_t>;
using bytes = std::vector<std::uint8_t>;

bytes dense_form(const event_list& events, const dense_layout& frame) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(frame.pixels));
  for (const std::uint32_t pixel : events) ++counts[pixel];
  bytes dense;
  for (const std::uint32_t count : counts) {
    const std::uint32_t cut = std::min(count, frame.largest());
    for (unsigned byte = 0; byte < frame.element_bytes; ++byte) dense.push_back(static_cast<std::uint8_t>(cut >> (8 * byte)));
  }
  return dense;
}

bytes inflated_by_zlib(const bytes& stream, std::size_t size) {
  bytes dense(size + 1);  // one more, so that a longer result shows
  uLongf length = dense.size();
  if (uncompress(dense.data(), &length, stream.data(), stream.size()) != Z_OK) return {};
  dense.resize(length);
  return dense;
}

bytes inflated_by_libdeflate(const bytes& stream, std::size_t size) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> inflater(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  bytes dense(size + 1);
  std::size_t length = 0;
  if (libdeflate_zlib_decompress(inflater.get(), stream.data(), stream.size(), dense.data(), dense.size(), &length) !=
      LIBDEFLATE_SUCCESS) {
    return {};
  }
  dense.resize(length);
  return dense;
}

/// One stream decoded alone: the events, or nothing when it is not ours.
std::optional<event_list> decoded(frame_decoder& decoder, std::span<const std::uint8_t> stream, const dense_layout& frame,
                                  std::size_t count, std::size_t* stream_bytes = nullptr) {
  event_list events(count);
  decoding job{stream, events};
  decoder.decode({&job, 1}, frame);
  if (stream_bytes != nullptr) *stream_bytes = job.stream_bytes;
  return job.result == decoding::outcome::decoded ? std::optional(events) : std::nullopt;
}

frame_encoder trained_encoder(const std::vector<event_list>& frames, const dense_layout& frame) {
  symbol_statistics statistics;
  for (const event_list& events : frames) statistics.add(events, frame);
  return {statistics, frame};
}

/// Encodes and reads back by three independent ways.
void expect_round_trip(const frame_encoder& encoder, const event_list& events, const dense_layout& frame) {
  bytes stream;
  const bool cut = encoder.encode(events, stream);
  const bytes dense = dense_form(events, frame);
  ASSERT_EQ(inflated_by_zlib(stream, dense.size()), dense);
  ASSERT_EQ(inflated_by_libdeflate(stream, dense.size()), dense);
  if (cut) return;
  frame_decoder decoder;
  std::size_t stream_bytes = 0;
  const std::size_t length = stream.size();
  stream.resize(length + 48, 0xa5);  // a footer rides behind
  ASSERT_EQ(decoded(decoder, stream, frame, events.size(), &stream_bytes), events);
  EXPECT_EQ(stream_bytes, length);
}

TEST(deflate_frame, inflates_to_the_dense_frame_at_any_size_and_occupancy) {
  std::mt19937_64 generator(7);
  for (const unsigned element_bytes : {1U, 2U}) {
    for (const std::uint64_t pixels :
         {1U, 2U, 3U, 4U, 5U, 6U, 39U, 40U, 41U, 44U, 257U, 258U, 259U, 263U, 576U, 1024U, 40'000U, 331'776U}) {
      const dense_layout frame{pixels, element_bytes};
      for (const double occupancy : {0.0, 0.0001, 0.01, 0.3, 1.0, 3.0}) {
        const event_list events =
            test::random_events(generator, pixels, static_cast<std::size_t>(occupancy * static_cast<double>(pixels)));
        const frame_encoder encoder = trained_encoder({events}, frame);
        SCOPED_TRACE(testing::Message() << pixels << " pixels of " << element_bytes << " bytes, occupancy " << occupancy);
        ASSERT_NO_FATAL_FAILURE(expect_round_trip(encoder, events, frame));
      }
    }
  }
}

TEST(deflate_frame, codes_trained_on_other_frames_fit_every_frame) {
  std::mt19937_64 generator(11);
  const dense_layout frame{10'000, 1};
  const std::vector<frame_encoder> encoders = {trained_encoder({}, frame), trained_encoder({{}, {}}, frame),
                                               trained_encoder({test::random_events(generator, 10'000, 9'000)}, frame)};
  for (const frame_encoder& encoder : encoders) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{50'000}}) {
      ASSERT_NO_FATAL_FAILURE(expect_round_trip(encoder, test::random_events(generator, 10'000, count), frame));
    }
  }
}

TEST(deflate_frame, spells_no_codes_for_literals_that_training_did_not_meet) {
  const dense_layout frame{10'000, 1};
  const event_list apart = {5, 500, 5000};
  const frame_encoder encoder = trained_encoder({apart}, frame);
  bytes without;
  bytes with_two;
  encoder.encode(apart, without);
  const event_list twice = {5, 5, 500, 5000};
  encoder.encode(twice, with_two);
  EXPECT_LE(without.size() + 15, with_two.size());  // some 250 code lengths
  ASSERT_NO_FATAL_FAILURE(expect_round_trip(encoder, twice, frame));
}

TEST(deflate_frame, keeps_multiplicities_up_to_the_element_and_says_when_it_cuts) {
  for (const unsigned element_bytes : {1U, 2U}) {
    const dense_layout frame{300, element_bytes};
    const frame_encoder encoder = trained_encoder({}, frame);
    for (const std::uint32_t count : {1U, 2U, 254U, 255U, 256U, 257U, 511U, 512U, 65'535U, 65'536U}) {
      event_list events(count, 17);
      events.push_back(18);
      events.push_back(299);
      bytes stream;
      EXPECT_EQ(encoder.encode(events, stream), count > frame.largest());
      SCOPED_TRACE(testing::Message() << count << " events in " << element_bytes << " bytes");
      ASSERT_NO_FATAL_FAILURE(expect_round_trip(encoder, events, frame));
    }
  }
}

TEST(deflate_frame, holds_a_large_sparse_frame) {
  const dense_layout frame{std::uint64_t{4096} * 4096, 1};
  std::mt19937_64 generator(3);
  const event_list events = test::random_events(generator, frame.pixels, 2000);
  ASSERT_NO_FATAL_FAILURE(expect_round_trip(trained_encoder({events}, frame), events, frame));
}

TEST(deflate_frame, reaches_the_last_pixel_of_the_largest_frame) {
  // 4 GiB dense: too large to inflate here, so this leans on our own decoder and its Adler-32.
  const dense_layout frame{0xffff'ffffULL, 1};
  const event_list events = {0, 1, 0x7fff'ffff, 0x8000'0000, 0xffff'fffd, 0xffff'fffe, 0xffff'fffe};
  const frame_encoder encoder = trained_encoder({events}, frame);
  bytes stream;
  EXPECT_FALSE(encoder.encode(events, stream));
  frame_decoder decoder;
  EXPECT_EQ(decoded(decoder, stream, frame, events.size()), events);
}

TEST(deflate_frame, decodes_many_streams_at_once_damaged_and_foreign_ones_among_them) {
  std::mt19937_64 generator(19);
  const dense_layout frame{20'000, 1};
  std::vector<event_list> frames;
  std::vector<bytes> streams;
  const std::vector<frame_encoder> encoders = {trained_encoder({}, frame),
                                               trained_encoder({test::random_events(generator, 20'000, 500)}, frame)};
  for (std::size_t i = 0; i < 60; ++i) {
    frames.push_back(test::random_events(generator, frame.pixels, generator() % 800));
    encoders[i < 25 ? 0 : i % 2].encode(frames.back(), streams.emplace_back());
    if (i % 13 == 5) streams.back().resize(streams.back().size() / 2);
    if (i % 13 == 6) streams.back() = {1, 2, 3};
  }
  std::vector<event_list> read(frames.size());
  std::vector<decoding> jobs;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    read[i].resize(frames[i].size());
    jobs.push_back({streams[i], read[i]});
  }
  frame_decoder().decode(jobs, frame);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool damaged = i % 13 == 5 || i % 13 == 6;
    EXPECT_EQ(jobs[i].result == decoding::outcome::foreign, damaged) << i;
    if (damaged) continue;
    EXPECT_EQ(read[i], frames[i]) << i;
  }
}

TEST(deflate_frame, refuses_events_out_of_order_or_outside) {
  const dense_layout frame{1'000'000, 1};
  const frame_encoder encoder = trained_encoder({}, frame);
  bytes stream;
  EXPECT_THROW(encoder.encode(event_list{5, 4}, stream), invalid_argument);
  EXPECT_THROW(encoder.encode(event_list{900'000, 4}, stream), invalid_argument);
  EXPECT_THROW(encoder.encode(event_list{1'000'000}, stream), invalid_argument);
  EXPECT_THROW(encoder.encode(event_list{999'999, 1'000'000}, stream), invalid_argument);
  EXPECT_THROW(encoder.encode(event_list{999'999, 1'000'000, 1'000'000}, stream), invalid_argument);
  EXPECT_TRUE(stream.empty());
}

TEST(deflate_frame, a_diffraction_pattern_of_a_percent_takes_less_than_one_and_a_half_bytes_an_event) {
  std::mt19937_64 generator(5);
  const dense_layout frame{std::uint64_t{576} * 576, 1};
  const event_list events = test::diffraction_events(generator, 576, 3318);
  bytes stream;
  trained_encoder({test::diffraction_events(generator, 576, 3318)}, frame).encode(events, stream);
  EXPECT_LT(static_cast<double>(stream.size()), 1.5 * static_cast<double>(events.size()));
}

TEST(deflate_frame, the_decoder_never_gives_other_events_for_a_damaged_stream) {
  std::mt19937_64 generator(13);
  const dense_layout frame{5'000, 1};
  const event_list events = test::random_events(generator, frame.pixels, 300);
  bytes stream;
  trained_encoder({events}, frame).encode(events, stream);
  frame_decoder decoder;
  for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
    bytes damaged = stream;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ 1U << bit % 8);
    // What is copied is zeros from wherever, so a flip in a distance alone may pass here; the chunk's CRC finds it.
    const auto read = decoded(decoder, damaged, frame, events.size());
    ASSERT_TRUE(!read || *read == events) << "bit " << bit;
  }
  for (std::size_t length = 0; length < stream.size(); ++length) {
    ASSERT_FALSE(decoded(decoder, std::span(stream).first(length), frame, events.size()).has_value()) << length;
  }
}

TEST(deflate_frame, leaves_streams_of_other_programs_to_inflaters) {
  std::mt19937_64 generator(17);
  const dense_layout frame{5'000, 1};
  const event_list events = test::random_events(generator, frame.pixels, 300);
  const bytes dense = dense_form(events, frame);
  frame_decoder decoder;
  for (const int level : {0, 1, 6, 9}) {
    bytes stream(compressBound(dense.size()));
    uLongf length = stream.size();
    ASSERT_EQ(compress2(stream.data(), &length, dense.data(), dense.size(), level), Z_OK);
    stream.resize(length);
    const auto read = decoded(decoder, stream, frame, events.size());
    EXPECT_TRUE(!read || *read == events) << "level " << level;
  }
}

RC_GTEST_PROP(deflate_frame_property, any_multiset_survives, ()) {
  const dense_layout frame{*rc::gen::inRange<std::uint64_t>(1, 3000), *rc::gen::element(1U, 2U)};
  event_list events =
      *rc::gen::container<event_list>(rc::gen::inRange<std::uint32_t>(0, static_cast<std::uint32_t>(frame.pixels)));
  std::sort(events.begin(), events.end());
  bytes stream;
  const frame_encoder encoder = trained_encoder({}, frame);
  const bool cut = encoder.encode(events, stream);
  const bytes dense = dense_form(events, frame);
  RC_ASSERT(inflated_by_zlib(stream, dense.size()) == dense);
  if (cut) return;
  frame_decoder decoder;
  RC_ASSERT(decoded(decoder, stream, frame, events.size()) == events);
}

TEST(huffman, lengths_make_a_complete_code_within_the_limit) {
  std::vector<std::uint64_t> occurrences(40);
  std::uint64_t a = 1;
  std::uint64_t b = 1;
  for (std::uint64_t& count : occurrences) count = std::exchange(a, std::exchange(b, a + b));  // Fibonacci: the deepest tree
  for (const unsigned longest : {7U, 15U}) {
    std::vector<std::uint8_t> lengths(occurrences.size());
    huffman_lengths(occurrences, longest, lengths);
    EXPECT_LE(*std::max_element(lengths.begin(), lengths.end()), longest);
    EXPECT_TRUE(is_complete_code(lengths));
  }
}

TEST(crc32c, equals_the_published_vectors) {
  EXPECT_EQ(crc32c("123456789", 9), 0xe306'9283U);  // RFC 3720's polynomial, the catalogue's check value
  const std::vector<std::uint8_t> zeros(32, 0);
  EXPECT_EQ(crc32c(zeros.data(), zeros.size()), 0x8a91'36aaU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c("6789", 4, crc32c("12345", 5)), 0xe306'9283U);
}

}  // namespace
}  // namespace countem::io
