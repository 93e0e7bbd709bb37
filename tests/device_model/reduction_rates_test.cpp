// What gpu_check reports of reductions. The rates of a modelled device mean nothing; that every result was compared, and what
// is printed, can be tested.
#include <gtest/gtest.h>

#include <string>

#include "bench/gpu/reduction_rates.hpp"
#include "model.hpp"

namespace countem {
namespace {

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST(reduction_rates, every_stage_of_every_encoding_is_in_the_object) {
  testing::internal::CaptureStdout();
  bench::measure_reductions(0.0001, 3, true);
  const std::string told = testing::internal::GetCapturedStdout();
  EXPECT_EQ(told.find("    {\"occupancy\": 0.0001, \"frames\": 3, \"events\": 99, \"load\": "), 0U) << told;
  for (const char* encoding : {"events", "dense_u8", "dense_u16"})
    EXPECT_EQ(occurrences(told, "\"" + std::string(encoding) + "\": {\"sum\": "), 1U) << told;
  for (const char* stage : {"sum", "maximum", "two_virtual_detectors", "weighted", "moments", "second_moments",
                            "second_moments_within", "radial", "bin_4", "crop"})
    EXPECT_EQ(occurrences(told, "\"" + std::string(stage) + "\": "), 3U) << stage;
  EXPECT_EQ(device_model::refusal(), "");
  EXPECT_EQ(device_model::live_objects(), 0U);
}

}  // namespace
}  // namespace countem
