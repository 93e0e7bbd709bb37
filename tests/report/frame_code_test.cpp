#include "host/cli/report/frame_code.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include <countem/error.hpp>

namespace countem::cli::report {
namespace {

std::string coded(const std::vector<std::uint32_t>& events) {
  std::string bytes;
  append_frame(bytes, events);
  return bytes;
}

TEST(frame_code, is_what_its_page_says) {
  // Two events at 5 and 12: k = 2, differences 5 = 10 01, 7 = 10 11.
  EXPECT_EQ(coded({5, 12}), std::string("\x02\x02\x9b", 3));
  EXPECT_EQ(coded({}), std::string(1, '\0'));
}

TEST(frame_code, keeps_the_rarest_frames) {
  for (const std::vector<std::uint32_t>& events : {std::vector<std::uint32_t>{},
                                                   {0},
                                                   {0, 0, 0},
                                                   {0xffff'fffe},
                                                   {0xffff'ffff, 0xffff'ffff},
                                                   {0, 0xffff'ffff},
                                                   {7, 7, 8, 4'000'000'000}}) {
    EXPECT_EQ(decode_frame(coded(events)), events);
    EXPECT_EQ(coded(events).size(), coded_size(events));
  }
}

RC_GTEST_PROP(frame_code, gives_back_any_frame, (std::vector<std::uint32_t> events)) {
  std::sort(events.begin(), events.end());
  const std::string bytes = coded(events);
  RC_ASSERT(decode_frame(bytes) == events);
  RC_ASSERT(bytes.size() == coded_size(events));
}

TEST(frame_code, costs_little_more_than_the_events_tell) {
  // 332 events anywhere among 576 x 576 pixels: log2 of the number of such frames is 11.4 bits per event.
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> pixel(0, 576 * 576 - 1);
  std::vector<std::uint32_t> events(332);
  for (std::uint32_t& event : events) event = pixel(random);
  std::sort(events.begin(), events.end());
  EXPECT_LT(static_cast<double>(coded_size(events)) * 8 / 332, 11.8);
}

TEST(frame_code, says_what_is_damaged) {
  const std::string whole = coded({5, 12, 700, 701});
  for (std::size_t kept = 0; kept < whole.size(); ++kept)
    EXPECT_THROW(static_cast<void>(decode_frame(whole.substr(0, kept))), format_error);
  EXPECT_THROW(static_cast<void>(decode_frame(whole + whole)), format_error);
  EXPECT_THROW(static_cast<void>(decode_frame("\xff\xff\xff\xff\xff\xff\xff\x7f")), format_error);
}

TEST(base64, is_that_of_rfc_4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\xff\xfe\x00", 3)), "//4A");
  for (std::size_t size = 0; size < 10; ++size) EXPECT_EQ(base64(std::string(size, 'x')).size(), base64_size(size));
}

TEST(varint, takes_seven_bits_a_byte) {
  std::string bytes;
  append_varint(bytes, 0);
  append_varint(bytes, 127);
  append_varint(bytes, 128);
  append_varint(bytes, 300);
  EXPECT_EQ(bytes, std::string("\x00\x7f\x80\x01\xac\x02", 6));
}

}  // namespace
}  // namespace countem::cli::report
