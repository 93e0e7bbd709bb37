// Numbers for people.
#include <gtest/gtest.h>

#include "host/cli/progress.hpp"

namespace countem::cli {
namespace {

TEST(human_bytes, HaveTheLargestUnitThatLeavesOne) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(999'994), "999.99 kB");
  EXPECT_EQ(human_bytes(1'420'000'000), "1.42 GB");
  EXPECT_EQ(human_bytes(1'000'000'000'000'000), "1.00 PB");
  EXPECT_EQ(human_bytes(18'446'744'073'709'551'615U), "18446.74 PB") << "there is no larger unit";
}

TEST(with_separators, GroupsDigitsByThree) {
  EXPECT_EQ(with_separators(0), "0");
  EXPECT_EQ(with_separators(999), "999");
  EXPECT_EQ(with_separators(1000), "1,000");
  EXPECT_EQ(with_separators(1'234'567), "1,234,567");
}

}  // namespace
}  // namespace countem::cli
