// One frame as the bytes of a chunk, and back.
#include <countem/chunk_encoder.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <iterator>
#include <string>

#include <countem/error.hpp>

#include "io/store/chunk.hpp"
#include "io/store/chunk_decoder.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using test::random_batch;
using testing::HasSubstr;
using bytes = std::vector<std::uint8_t>;

constexpr frame_shape shape = {32, 48};

store_description with_values(bool values) {
  store_description description = description_of(shape, {5, 8, 1});
  if (values) description.options.values = event_value::charge;
  return description;
}

class chunk_forms : public testing::TestWithParam<chunk_form> {};

TEST_P(chunk_forms, a_frame_comes_back) {
  const chunk_form& form = GetParam();
  const event_batch batch = random_batch(0, 40, with_values(form.keep_values), 30);
  const auto encoder = chunk_encoder::create(form);
  const auto reader = chunk_reader::create(form);
  encoder->observe(batch);
  decoded_chunk read;
  for (std::size_t i = 0; i < batch.frames(); ++i) {
    bytes chunk;
    encoder->encode(batch, i, chunk);
    if (batch.status[i] == 0) {
      EXPECT_TRUE(chunk.empty());
      continue;
    }
    reader->decode(chunk, read);
    EXPECT_EQ(read.frame, i);
    EXPECT_TRUE(std::ranges::equal(read.events, batch.events(i)));
    EXPECT_EQ(read.xrays, batch.xrays[i]);
    EXPECT_EQ(read.status, batch.status[i]);
    const std::size_t first = batch.indptr[i];
    const std::size_t values = form.keep_values ? batch.events(i).size() : 0;
    ASSERT_EQ(read.values.size(), values);
    for (std::size_t k = 0; k < values; ++k) EXPECT_EQ(read.values[k], batch.values[first + k]);
  }
}

INSTANTIATE_TEST_SUITE_P(all, chunk_forms,
                         testing::Values(chunk_form{shape, false, false, false}, chunk_form{shape, true, false, false},
                                         chunk_form{shape, false, true, false}, chunk_form{shape, false, false, true},
                                         chunk_form{shape, true, true, true}));

/// The store's writer uses this encoder, so a chunk made elsewhere has the bytes that the file holds.
TEST(chunk_encoder, makes_the_bytes_that_the_store_holds) {
  const test::temporary_directory directory;
  const store_description description = description_of(shape, {5, 8, 1});
  const event_batch all = test::write_store(directory / "counted.h5", description, {}, 40, 40);
  const auto encoder = chunk_encoder::create({shape, false, false, false});
  std::ifstream in(directory / "counted.h5", std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  encoder->observe(all);
  for (std::size_t i = 0; i < all.frames(); ++i) {
    bytes chunk;
    encoder->encode(all, i, chunk);
    EXPECT_NE(file.find(std::string(chunk.begin(), chunk.end())), std::string::npos) << i;
  }
}

TEST(chunk_encoder, refuses_what_no_chunk_holds) {
  EXPECT_THROW((void)chunk_encoder::create({{0, 5}, false, false, false}), invalid_argument);
  EXPECT_THROW((void)chunk_encoder::create({{65536, 65535}, true, false, false}), invalid_argument);
  EXPECT_THROW((void)chunk_reader::create({{0, 5}, false, false, false}), invalid_argument);
  const event_batch batch = random_batch(0, 2, with_values(false), 30);
  bytes chunk;
  const auto encoder = chunk_encoder::create({shape, false, true, false});
  EXPECT_THROW(encoder->encode(batch, 0, chunk), invalid_argument);  // neither observed nor with values
  encoder->observe(batch);
  EXPECT_THROW(encoder->encode(batch, 0, chunk), invalid_argument);
  EXPECT_TRUE(chunk.empty());
}

TEST(chunk_reader, refuses_bytes_that_are_no_intact_chunk) {
  const event_batch batch = random_batch(0, 1, with_values(false), 30);
  const auto encoder = chunk_encoder::create({shape, false, false, false});
  const auto reader = chunk_reader::create({shape, false, false, false});
  encoder->observe(batch);
  bytes chunk;
  encoder->encode(batch, 0, chunk);
  decoded_chunk read;
  EXPECT_THROW(reader->decode({}, read), format_error);
  EXPECT_THROW(reader->decode(std::span(chunk).first(chunk.size() - 1), read), format_error);
  EXPECT_THROW(reader->decode(std::span(chunk).last(chunk.size() - 1), read), format_error);
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    bytes damaged = chunk;
    damaged[i] ^= 1U;
    EXPECT_THROW(reader->decode(damaged, read), format_error) << i;
  }
  EXPECT_THROW(chunk_reader::create({{16, 48}, false, false, false})->decode(chunk, read), format_error);
  reader->decode(chunk, read);
  EXPECT_TRUE(std::ranges::equal(read.events, batch.events(0)));
}

/// A whole chunk of ours with an intact CRC whose stream is sound, but not spelled as frame_encoder spells streams.
bytes chunk_with_a_foreign_stream(const std::vector<std::uint32_t>& events) {
  bytes dense(shape.pixels());
  for (const std::uint32_t event : events) ++dense[event];
  uLongf length = compressBound(dense.size());
  bytes chunk(length);
  EXPECT_EQ(compress2(chunk.data(), &length, dense.data(), dense.size(), 6), Z_OK);
  chunk.resize(length);
  io::chunk_footer footer;
  footer.facts = {0, 0, 0x0f};
  footer.events = static_cast<std::uint32_t>(events.size());
  footer.stream_bytes = static_cast<std::uint32_t>(length);
  io::append_footer(footer, 0, chunk);
  return chunk;
}

/// The slow way that reads any sound stream would hide a disagreement between our encoder and our decoder.
TEST(chunk_decoder, reports_a_stream_of_ours_that_only_the_slow_way_reads) {
  const std::vector<std::uint32_t> events = {3, 3, 40, 1000, 1535};
  const bytes chunk = chunk_with_a_foreign_stream(events);
  const std::optional<io::chunk_footer> footer = io::find_footer(chunk);
  ASSERT_TRUE(footer && io::is_intact(chunk, *footer));
  const auto decode = [&](io::own_streams policy, std::vector<std::uint32_t>& to) {
    io::chunk_decoding job{chunk, *footer, to, {}, {}};
    io::chunk_decoder({shape.pixels(), 1}, policy).decode({&job, 1});
    return job.fault;
  };
  std::vector<std::uint32_t> read(events.size());
  EXPECT_EQ(decode(io::own_streams::may_be_inflated, read), "");
  EXPECT_EQ(read, events);
  EXPECT_THAT(decode(io::own_streams::must_decode_as_ours, read), HasSubstr("encoder and decoder disagree"));
}

TEST(chunk_decoder, decodes_our_own_streams_as_ours) {
  for (const bool wide : {false, true}) {
    const io::dense_layout frame{shape.pixels(), wide ? 2U : 1U};
    io::chunk_decoder decoder(frame, io::own_streams::must_decode_as_ours);
    const event_batch batch = random_batch(0, 40, with_values(false), 100);
    const auto encoder = chunk_encoder::create({shape, wide, false, false});
    encoder->observe(batch);
    for (std::size_t i = 0; i < batch.frames(); ++i) {
      bytes chunk;
      encoder->encode(batch, i, chunk);
      if (chunk.empty()) continue;
      std::vector<std::uint32_t> read(batch.events(i).size());
      io::chunk_decoding job{chunk, *io::find_footer(chunk), read, {}, {}};
      decoder.decode({&job, 1});
      EXPECT_EQ(job.fault, "") << i;
    }
  }
}

/// Builds with assertions or sanitizers take the strict way everywhere.
TEST(chunk_decoder, follows_the_build) {
#if !defined(NDEBUG) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  EXPECT_EQ(io::own_streams_policy, io::own_streams::must_decode_as_ours);
#else
  EXPECT_EQ(io::own_streams_policy, io::own_streams::may_be_inflated);
#endif
}

}  // namespace
}  // namespace countem
