#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "io/deflate/code.hpp"
#include "io/deflate/crc32c.hpp"

namespace countem::io {
namespace {

using testing::ElementsAre;

TEST(deflate_limits, lengths_of_matches_fall_into_the_codes_of_rfc_1951) {
  EXPECT_EQ(length_code(3), 0U);
  EXPECT_EQ(length_code(10), 7U);
  EXPECT_EQ(length_code(11), 8U);
  EXPECT_EQ(length_code(12), 8U);
  EXPECT_EQ(length_code(13), 9U);
  EXPECT_EQ(length_code(226), 26U);
  EXPECT_EQ(length_code(227), 27U);
  EXPECT_EQ(length_code(257), 27U);
  EXPECT_EQ(length_code(258), 28U) << "the longest has a code of its own";
}

TEST(deflate_limits, codes_of_the_example_in_rfc_1951) {
  // 3.2.2: lengths 3, 3, 3, 3, 3, 2, 4, 4 give 010 011 100 101 110 00 1110 1111. Here the first bit is the lowest.
  const std::vector<std::uint8_t> lengths{3, 3, 3, 3, 3, 2, 4, 4};
  std::vector<std::uint16_t> codes(lengths.size());
  canonical_codes(lengths, codes);
  EXPECT_THAT(codes, ElementsAre(0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111));
}

TEST(deflate_limits, symbols_that_do_not_occur_take_no_code) {
  const std::vector<std::uint8_t> lengths{0, 1, 0, 2, 2};
  std::vector<std::uint16_t> codes(lengths.size(), 9);
  canonical_codes(lengths, codes);
  EXPECT_THAT(codes, ElementsAre(0, 0b0, 0, 0b01, 0b11));
}

TEST(deflate_limits, a_code_is_complete_when_its_lengths_fill_the_tree) {
  EXPECT_TRUE(is_complete_code(std::vector<std::uint8_t>{1, 1}));
  EXPECT_TRUE(is_complete_code(std::vector<std::uint8_t>{0, 1, 2, 2}));
  EXPECT_FALSE(is_complete_code(std::vector<std::uint8_t>{1}));
  EXPECT_FALSE(is_complete_code(std::vector<std::uint8_t>{1, 2}));
  EXPECT_FALSE(is_complete_code(std::vector<std::uint8_t>{1, 1, 15}));
  EXPECT_FALSE(is_complete_code(std::vector<std::uint8_t>{}));
  // 1, 2, ..., 14, 15, 15 is complete; 16 is longer than a code may be.
  std::vector<std::uint8_t> deepest;
  for (std::uint8_t length = 1; length <= 15; ++length) deepest.push_back(length);
  EXPECT_FALSE(is_complete_code(deepest));
  deepest.push_back(15);
  EXPECT_TRUE(is_complete_code(deepest));
  EXPECT_FALSE(is_complete_code(std::vector<std::uint8_t>{1, 1, 16}));
}

TEST(deflate_limits, huffman_lengths_of_known_trees) {
  std::vector<std::uint8_t> lengths(5);
  huffman_lengths(std::vector<std::uint64_t>{1, 1, 2, 4, 0}, 15, lengths);
  EXPECT_THAT(lengths, ElementsAre(3, 3, 2, 1, 0));
  huffman_lengths(std::vector<std::uint64_t>{0, 0, 7, 0, 0}, 15, lengths);
  EXPECT_THAT(lengths, ElementsAre(0, 0, 1, 0, 0)) << "one symbol takes a bit";
  huffman_lengths(std::vector<std::uint64_t>{0, 0, 0, 0, 0}, 15, lengths);
  EXPECT_THAT(lengths, ElementsAre(0, 0, 0, 0, 0));
  huffman_lengths(std::vector<std::uint64_t>{1, 1, 2, 4, 0}, 3, lengths);
  EXPECT_THAT(lengths, ElementsAre(3, 3, 2, 1, 0)) << "as deep as is allowed";
  huffman_lengths(std::vector<std::uint64_t>{1, 1, 2, 4, 0}, 2, lengths);
  EXPECT_THAT(lengths, ElementsAre(2, 2, 2, 2, 0));
}

std::uint32_t adler_of(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t a = 1;
  std::uint64_t b = 0;
  for (const std::uint8_t byte : bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return static_cast<std::uint32_t>(b << 16U | a);
}

TEST(adler32_limits, of_a_few_bytes) {
  sparse_adler32 check(6);
  EXPECT_EQ(check.value(), adler_of({0, 0, 0, 0, 0, 0}));
  check.add(1, 255);
  check.add(5, 7);
  EXPECT_EQ(check.value(), adler_of({0, 255, 0, 0, 0, 7}));
  check.add_ones(2, 0 + 2, 2);  // at 0 and 4: positions 0 and 2, two bytes apart
  EXPECT_EQ(check.value(), adler_of({1, 255, 0, 0, 1, 7}));
}

TEST(adler32_limits, sums_of_the_largest_frames_do_not_wrap) {
  // Nine million bytes of 255 at the start of 2^33 bytes would add up to more than 2^64.
  constexpr std::uint64_t bytes = std::uint64_t{1} << 33U;
  constexpr std::uint64_t count = 9'000'000;
  constexpr std::uint64_t modulus = 65521;
  sparse_adler32 check(bytes);
  for (std::uint64_t i = 0; i < count; ++i) check.add(0, 255);
  const std::uint64_t a = (1 + 255 * count) % modulus;
  const std::uint64_t b = (bytes + 255 * count % modulus * (bytes % modulus)) % modulus;
  EXPECT_EQ(check.value(), b << 16U | a);
}

TEST(crc32c_limits, of_no_byte_and_of_any_number) {
  EXPECT_EQ(crc32c("", 0), 0U);
  EXPECT_EQ(crc32c("123456789", 9), crc32c("9", 1, crc32c("12345678", 8)));
  // A byte at a time equals all at once, for every length around the eight bytes that are taken together.
  std::array<std::uint8_t, 40> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(37 * i + 1);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    std::uint32_t single = 0;
    for (std::size_t i = 0; i < length; ++i) single = crc32c(&bytes[i], 1, single);
    EXPECT_EQ(crc32c(bytes.data(), length), single) << length;
  }
}

}  // namespace
}  // namespace countem::io
