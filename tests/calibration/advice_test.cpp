#include "host/cli/advice.hpp"

#include <gtest/gtest.h>

namespace countem::cli {
namespace {

TEST(advice, is_worded_behind_the_sentence) {
  EXPECT_EQ(sentence(format_error("x.dat: is no camera file", {{advice_kind::input_format, "v3"}})),
            "x.dat: is no camera file; give --input-format v3");
  EXPECT_EQ(sentence(format_error("no fit", {{advice_kind::dark_reference}, {advice_kind::thresholds}})),
            "no fit; give a dark reference (--dark) or give the thresholds (--threshold, --xray-threshold)");
  EXPECT_EQ(sentence(io_error("disk full")), "disk full");
}

TEST(advice, of_a_warning_is_worded_likewise) {
  EXPECT_EQ(sentence(source_issue{"truncated", "the scan is short", 1, {{advice_kind::scan_size}}}),
            "the scan is short; give the true scan with --scan WxH");
}

TEST(advice, survives_copying_and_slicing) {
  const format_error thrown("text", {{advice_kind::dataset}});
  const error sliced = thrown;
  EXPECT_EQ(sliced.advised(), (std::vector<advice>{{advice_kind::dataset}}));
}

TEST(advice, has_words_of_its_own_for_each_kind) {
  for (int kind = 0; kind <= static_cast<int>(advice_kind::resume_counting); ++kind) {
    EXPECT_FALSE(worded({static_cast<advice_kind>(kind), "v5"}).empty()) << kind;
    for (int other = 0; other < kind; ++other) {
      EXPECT_NE(worded({static_cast<advice_kind>(kind), "v5"}), worded({static_cast<advice_kind>(other), "v5"}));
    }
  }
}

}  // namespace
}  // namespace countem::cli
