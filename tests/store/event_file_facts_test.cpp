#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include <countem/convert.hpp>
#include <countem/error.hpp>

#include "tests/store/eer_samples.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"
#include "tests/store/tpx3_samples.hpp"

namespace countem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class event_file_described : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path write(const std::string& bytes) const {
    std::ofstream(directory_ / "file", std::ios::binary) << bytes;
    return directory_ / "file";
  }
  test::temporary_directory directory_;
};

TEST_F(event_file_described, eer) {
  const auto file = write(test::tiff_file({{.strips = {test::two_electrons()}}, {.strips = {test::no_electrons()}}}));
  const auto facts = describe_event_file(file).value();
  EXPECT_EQ(facts.format, "eer");
  EXPECT_EQ(facts.frame, (frame_shape{2, 4}));
  EXPECT_EQ(facts.upsample, 4U);
  EXPECT_EQ(facts.scan, (scan_shape{1, 2, 1}));
  EXPECT_EQ(facts.file.bytes, std::filesystem::file_size(file));
  EXPECT_FALSE(facts.times);
  EXPECT_THAT(facts.issues, IsEmpty());
  const auto larger = describe_event_file(file, scan_shape{2, 2, 1}).value();
  EXPECT_EQ(larger.scan, (scan_shape{2, 2, 1}));
  ASSERT_THAT(larger.issues, SizeIs(1));
  EXPECT_EQ(larger.issues.front().kind, "missing_frame");
}

TEST_F(event_file_described, tpx3) {
  const auto facts = describe_event_file(write(test::two_positions())).value();
  EXPECT_EQ(facts.format, "tpx3");
  EXPECT_EQ(facts.frame, (frame_shape{256, 256}));
  EXPECT_EQ(facts.upsample, 1U);
  EXPECT_FALSE(facts.scan);
  const timed_hits_facts& times = facts.times.value();
  EXPECT_EQ(times.hits, 3U);
  EXPECT_THAT(times.chips, ElementsAre(0U));
  EXPECT_THAT(times.marks, ElementsAre(2U, 0U, 0U, 0U));
  EXPECT_DOUBLE_EQ(times.duration_s, 10'500 * 25e-9 / 16);  // from the first mark to the last hit
}

TEST_F(event_file_described, tpx3_of_several_chips_and_edges) {
  std::string bytes = test::bytes_of(test::tpx3_chunks({test::tpx3_pixel(0, 0, 5'000)}, 1));
  bytes += test::bytes_of(test::tpx3_chunks({test::tpx3_mark(6'000, 0x6b), test::tpx3_pixel(0, 0, 9'000)}, 3));
  const timed_hits_facts times = describe_event_file(write(bytes)).value().times.value();
  EXPECT_THAT(times.chips, ElementsAre(1U, 3U));
  EXPECT_THAT(times.marks, ElementsAre(0U, 0U, 0U, 1U));
  EXPECT_DOUBLE_EQ(times.duration_s, 4'000 * 25e-9 / 16);
}

TEST_F(event_file_described, exports_of_ours) {
  const store_description described = test::description_of({6, 8}, {3, 5, 1});
  test::write_store(directory_ / "store.h5", described, {});
  const auto store = open_event_store(directory_ / "store.h5");
  for (const auto& [form, name] : {std::pair(export_format::stempy, "stempy"), std::pair(export_format::csr, "csr")}) {
    const auto exported = directory_ / (std::string(name) + ".h5");
    static_cast<void>(export_events(*store, exported, form));
    const auto facts = describe_event_file(exported).value();
    EXPECT_EQ(facts.format, name);
    EXPECT_EQ(facts.frame, described.shape);
    EXPECT_EQ(facts.scan, described.scan);
  }
  EXPECT_FALSE(describe_event_file(directory_ / "store.h5"));
}

TEST_F(event_file_described, others_and_damaged_ones) {
  EXPECT_FALSE(describe_event_file(write("text")));
  EXPECT_FALSE(describe_event_file(write("")));
  try {
    static_cast<void>(describe_event_file(write("TPX3")));
    FAIL() << "it holds no hits";
  } catch (const format_error& reason) {
    EXPECT_EQ(reason.what(), (directory_ / "file").string() + ": holds no hits");
  }
  EXPECT_THROW(static_cast<void>(describe_event_file(directory_ / "absent")), io_error);
}

}  // namespace
}  // namespace countem
