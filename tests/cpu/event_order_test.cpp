#include "kernels/cpu/event_order.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace countem::cpu {
namespace {

using testing::ElementsAre;

TEST(event_order, sorts_and_keeps_what_is_repeated) {
  event_order order({100, 100});
  std::vector<std::uint32_t> sorted;
  order.append_sorted(std::vector<std::uint32_t>{9999, 64, 63, 0, 4096}, sorted);
  EXPECT_THAT(sorted, ElementsAre(0, 63, 64, 4096, 9999));
  order.append_sorted(std::vector<std::uint32_t>{70, 5, 70, 5, 70, 6}, sorted);
  EXPECT_THAT(sorted, ElementsAre(0, 63, 64, 4096, 9999, 5, 5, 6, 70, 70, 70)) << "what was there stays in front";
  order.append_sorted(std::vector<std::uint32_t>{7}, sorted);
  EXPECT_THAT(sorted, ElementsAre(0, 63, 64, 4096, 9999, 5, 5, 6, 70, 70, 70, 7)) << "nothing is left of the call before";
}

}  // namespace
}  // namespace countem::cpu
