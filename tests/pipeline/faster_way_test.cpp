#include "host/engine/faster_way.hpp"

#include <gtest/gtest.h>

#include <array>

namespace countem::engine {
namespace {

/// How often each way is gone in some turns when they take this long.
std::array<int, 2> turns(faster_way<2>& ways, int count, double first, double second) {
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
    faster_way<2> ways;
    const auto gone = turns(ways, 100, first_is_faster ? 1 : 1.2, first_is_faster ? 1.2 : 1);
    const int slower = gone[first_is_faster ? 1 : 0];
    EXPECT_EQ(gone[0] + gone[1], 100);
    EXPECT_GE(slower, 5);
    EXPECT_LE(slower, 10);
  }
}

TEST(faster_way, is_found_though_some_turns_are_disturbed) {
  faster_way<2> ways;
  ways.took(ways.next(), 50);
  ways.took(ways.next(), 7);
  EXPECT_GT(turns(ways, 100, 1, 1.2)[0], 85);
}

TEST(faster_way, changes_with_what_is_seen) {
  faster_way<2> ways;
  EXPECT_GT(turns(ways, 100, 1, 2)[0], 85);
  EXPECT_GT(turns(ways, 200, 2, 1)[1], 120);
}

TEST(faster_way, is_not_waited_for_while_several_are_on_the_way) {
  faster_way<2> ways;
  std::array<int, 2> gone{};
  for (int turn = 0; turn < 20; ++turn) ++gone.at(ways.next());  // nothing was timed yet
  EXPECT_EQ(gone[0], 10);
  EXPECT_EQ(gone[1], 10);
}

TEST(faster_way, that_is_closed_is_not_gone) {
  faster_way<3> ways;
  for (int turn = 0; turn < 50; ++turn) {
    const std::size_t way = ways.next(0b011);
    EXPECT_LT(way, 2U);
    ways.took(way, 1);
  }
  int opened = 0;
  for (int turn = 0; turn < 50; ++turn) {
    const std::size_t way = ways.next();
    opened += way == 2 ? 1 : 0;
    ways.took(way, way == 2 ? 0.5 : 1);
  }
  EXPECT_GT(opened, 40) << "it is tried as soon as it is open, and is faster";
}

TEST(faster_way, that_was_far_slower_is_looked_at_less_and_less) {
  faster_way<3> ways;
  std::array<int, 3> gone{};
  int last_look = 0;
  for (int turn = 0; turn < 5000; ++turn) {
    const std::size_t way = ways.next();
    ++gone.at(way);
    if (way == 2) last_look = turn;
    ways.took(way, way == 2 ? 100 : way == 1 ? 1.2 : 1);
  }
  EXPECT_LE(gone[2], 10) << "each look costs as much as a hundred turns";
  EXPECT_GE(gone[2], 5);
  EXPECT_GT(gone[1], 200) << "the other is looked at as before";
  // Once it is fast, it is seen to be, if late, and then kept.
  int fast = 0;
  for (int turn = 0; turn < 2 * last_look + 2000; ++turn) {
    const std::size_t way = ways.next();
    fast += way == 2 ? 1 : 0;
    ways.took(way, way == 2 ? 0.1 : 1);
  }
  EXPECT_GT(fast, 500);
}

}  // namespace
}  // namespace countem::engine
