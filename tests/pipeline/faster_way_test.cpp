#include "host/engine/faster_way.hpp"

#include <gtest/gtest.h>

#include <array>

namespace countem::engine {
namespace {

/// How often each way is gone in some turns when they take this long.
std::array<int, 2> turns(faster_way& ways, int count, double first, double second) {
  std::array<int, 2> gone{};
  for (int turn = 0; turn < count; ++turn) {
    const std::size_t way = ways.next();
    ++gone.at(way);
    ways.took(way, way == 0 ? first : second);
  }
  return gone;
}

TEST(faster_way, is_gone_but_for_a_look_at_the_other) {
  for (const bool first_is_faster : {false, true}) {
    faster_way ways;
    const auto gone = turns(ways, 100, first_is_faster ? 1 : 1.2, first_is_faster ? 1.2 : 1);
    const int slower = gone[first_is_faster ? 1 : 0];
    EXPECT_EQ(gone[0] + gone[1], 100);
    EXPECT_GE(slower, 5);
    EXPECT_LE(slower, 10);
  }
}

TEST(faster_way, is_found_though_some_turns_are_disturbed) {
  faster_way ways;
  ways.took(ways.next(), 50);
  ways.took(ways.next(), 7);
  EXPECT_GT(turns(ways, 100, 1, 1.2)[0], 85);
}

TEST(faster_way, changes_with_what_is_seen) {
  faster_way ways;
  EXPECT_GT(turns(ways, 100, 1, 2)[0], 85);
  EXPECT_GT(turns(ways, 200, 2, 1)[1], 120);
}

TEST(faster_way, is_not_waited_for_while_several_are_on_the_way) {
  faster_way ways;
  std::array<int, 2> gone{};
  for (int turn = 0; turn < 20; ++turn) ++gone.at(ways.next());  // nothing was timed yet
  EXPECT_EQ(gone[0], 10);
  EXPECT_EQ(gone[1], 10);
}

}  // namespace
}  // namespace countem::engine
