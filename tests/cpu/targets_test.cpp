// The cpu backend has one code for each instruction set; all must count and reduce alike, not only the one that this machine
// would choose.
#include <gtest/gtest.h>

#include <hwy/highway.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include <countem/counting.hpp>
#include <countem/reductions.hpp>

#include "kernels/cpu/streaming_read.hpp"
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

TEST_P(targets, read_every_word) {
  std::vector<std::uint64_t> words(70);
  std::iota(words.begin(), words.end(), std::uint64_t{1});
  for (std::size_t count = 0; count <= words.size(); ++count)
    EXPECT_EQ(cpu::streaming_read(words.data(), count), count * (count + 1) / 2) << count;
}

INSTANTIATE_TEST_SUITE_P(instruction_sets, targets, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& tested) { return std::string(hwy::TargetName(tested.param)); });

}  // namespace
}  // namespace countem::parity
