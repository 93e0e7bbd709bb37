// The cpu backend has one code for each instruction set; all must count and reduce alike, not only the one that this machine
// would choose.
#include <gtest/gtest.h>

#include <hwy/highway.h>

#include <countem/counting.hpp>
#include <countem/reductions.hpp>

#include "tests/parity/parity_case.hpp"
#include "tests/parity/reduction_case.hpp"

namespace countem::parity {
namespace {

class targets : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { choose(GetParam()); }
  void TearDown() override { choose(0); }

  /// 0: whatever the machine offers.
  static void choose(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

TEST_P(targets, equal_the_reference) {
  for (std::uint64_t seed = 5000; seed < 5150 && !HasFailure(); ++seed) {
    const parity_case drawn = random_case(seed, frames_for_cpu);
    EXPECT_EQ(compare_with_reference(drawn, *cpu::make_counter(drawn.setup)), "") << "seed " << seed << ": " << describe(drawn);
  }
}

TEST_P(targets, reduce_like_the_reference) {
  const auto tested = cpu::make_reducer(1);
  for (std::uint64_t seed = 0; seed < 150 && !HasFailure(); ++seed) {
    const reduction_case drawn = random_reduction_case(seed);
    EXPECT_EQ(compare_with_reference(drawn, view_of(drawn.batch, drawn.shape), *tested), "") << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(instruction_sets, targets, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& tested) { return std::string(hwy::TargetName(tested.param)); });

}  // namespace
}  // namespace countem::parity
