// Components that are found in more than one place of the cpu backend are one event all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/counting/small_frame.hpp"

namespace countem {
namespace {

/// Seen from (2, 6), the window of 8 x 8 pixels shows all of it: it is counted there. (5, 4) could be the first pixel of a
/// component, too, of which its own window shows only a part. The fill that begins there ends at (3, 4), in the same column,
/// and has to know that the first pixel is neither of them.
TEST(component, that_another_window_showed_whole_is_not_counted_again) {
  small_frame<std::uint16_t> frame({16, 16}, std::vector<std::uint16_t>(256));
  for (const auto& [row, column] : std::vector<std::pair<std::size_t, std::size_t>>{
           {2, 6}, {2, 7}, {2, 8}, {3, 4}, {3, 5}, {3, 9}, {4, 9}, {5, 4}, {5, 5}, {5, 6}, {5, 7}, {5, 8}})
    frame.pixels[row * 16 + column] = 10;
  event_batch counted;
  cpu::make_counter(frame.setup)->count({&frame.view, 1}, counted);
  // Rows sum up to 44 and columns to 78 over 12 pixels: 3.67 and 6.5, which goes to the higher pixel.
  EXPECT_THAT(counted.indices, testing::ElementsAre(4 * 16 + 7));
  EXPECT_EQ(frame.count().indices, counted.indices);
}

}  // namespace
}  // namespace countem
