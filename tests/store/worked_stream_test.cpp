// The stream that io/deflate/README.md spells out is the one that the encoder makes and the decoder reads.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "io/deflate/frame.hpp"

namespace countem::io {
namespace {

using bytes = std::vector<std::uint8_t>;

const std::vector<std::uint32_t> events = {3, 20, 20};
constexpr dense_layout frame = {36, 1};
constexpr std::size_t check_bytes = 4;

struct worked_example {
  bytes stream;      ///< of the block ```stream
  std::string bits;  ///< of the tables' first columns, in the order of the stream
};

worked_example read_page() {
  std::ifstream in(COUNTEM_SOURCE_DIRECTORY "/io/deflate/README.md");
  EXPECT_TRUE(in.good());
  worked_example example;
  bool in_stream = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      in_stream = line == "```stream";
    } else if (in_stream) {
      std::istringstream words(line);
      for (std::string word; words >> word;) example.stream.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
    } else if (line.starts_with("| `0") || line.starts_with("| `1")) {
      const std::size_t first = line.find('`') + 1;
      const std::string cell = line.substr(first, line.find('`', first) - first);
      std::copy_if(cell.begin(), cell.end(), std::back_inserter(example.bits), [](char c) { return c != ' '; });
    }
  }
  return example;
}

std::string bits_of_stream(std::span<const std::uint8_t> stream) {
  std::string bits;
  for (const std::uint8_t byte : stream) {
    for (unsigned bit = 0; bit < 8; ++bit) bits += (byte >> bit & 1U) != 0 ? '1' : '0';
  }
  return bits;
}

TEST(worked_stream, is_what_the_encoder_makes) {
  symbol_statistics statistics;
  statistics.add(events, frame);
  bytes stream;
  frame_encoder(statistics, frame).encode(events, stream);
  EXPECT_EQ(read_page().stream, stream);
}

TEST(worked_stream, is_spelled_out_bit_by_bit) {
  const worked_example page = read_page();
  ASSERT_GT(page.stream.size(), check_bytes);
  EXPECT_EQ(page.bits, bits_of_stream(std::span(page.stream).first(page.stream.size() - check_bytes)));
}

TEST(worked_stream, is_what_the_decoder_reads) {
  const worked_example page = read_page();
  std::vector<std::uint32_t> read(events.size());
  decoding job{page.stream, read};
  frame_decoder().decode({&job, 1}, frame);
  EXPECT_EQ(job.result, decoding::outcome::decoded);
  EXPECT_EQ(job.stream_bytes, page.stream.size());
  EXPECT_EQ(read, events);
}

TEST(worked_stream, inflates_to_the_frame) {
  const worked_example page = read_page();
  bytes dense(frame.pixels + 1);
  uLongf length = dense.size();
  ASSERT_EQ(uncompress(dense.data(), &length, page.stream.data(), page.stream.size()), Z_OK);
  dense.resize(length);
  bytes expected(frame.pixels);
  for (const std::uint32_t event : events) ++expected[event];
  EXPECT_EQ(dense, expected);
}

}  // namespace
}  // namespace countem::io
