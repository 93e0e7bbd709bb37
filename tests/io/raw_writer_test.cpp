#include "tests/io/source_fixture.hpp"

namespace countem::testing_io {
namespace {

struct raw_writer : ::testing::TestWithParam<input_format> {
  temporary_directory scratch;
};
INSTANTIATE_TEST_SUITE_P(formats, raw_writer,
                         ::testing::Values(input_format("v3"), input_format("v4"), input_format("v5"), input_format("raw"),
                                           input_format("npy"), input_format("hdf5")),
                         [](const auto& format) { return std::string(to_string(format.param)); });

TEST_P(raw_writer, same_bytes_for_any_number_of_threads) {
  io::raw_scan scan{.format = GetParam(), .scan = {2, 3, 1}, .threads = 1};
  const auto one = write_pattern(scratch.path() / "one", scan);
  scan.threads = 3;
  const auto three = write_pattern(scratch.path() / "three", scan);
  ASSERT_EQ(one.size(), three.size());
  for (std::size_t file = 0; file < one.size(); ++file) {
    EXPECT_EQ(one[file].filename(), three[file].filename());
    EXPECT_TRUE(load(one[file]) == load(three[file])) << one[file];
  }
}

TEST_P(raw_writer, frames_that_are_written_together) {
  const bool camera = facts_of(GetParam()).several_files;
  for (const std::uint32_t files_per_module : {1U, 3U, 20U}) {
    SCOPED_TRACE(files_per_module);
    // 50 frames of one thread: groups of a dozen, the last one smaller.
    io::raw_scan scan{.format = GetParam(), .scan = {5, 10, 1}, .files_per_module = files_per_module, .threads = 1};
    if (!camera) scan.frame = {33, 64};
    const fs::path folder = scratch.path() / std::to_string(files_per_module);
    source_options options = as(GetParam());
    if (GetParam() == input_format("raw")) options.raw = raw_layout{scan.frame, pixel_type::u16, false, 0, 0};
    const auto source = open_source(write_pattern(folder, scan), options);
    ASSERT_EQ(source->info().scan.frames(), 50U);
    EXPECT_TRUE(source->info().issues.empty());
    expect_pattern(*source, 7);
    fs::remove_all(folder);
    if (!camera) break;
  }
}

TEST(raw_writer_v5, bytes_of_a_record) {
  const temporary_directory scratch;
  const auto files = write_pattern(scratch.path(), {.scan = {2, 3, 1}, .scan_number = 7});
  ASSERT_EQ(files.size(), 4U);
  EXPECT_EQ(files[2].filename(), "data_scan0000000007_id0000_module2_raw.data");
  const std::vector<char> bytes = load(files[2]);
  ASSERT_EQ(bytes.size(), 6U * 165904U);
  // Frame 5 is at column 2, row 1 of a 3 x 2 scan.
  const std::vector<char> header{7, 0, 0, 0, 5, 0, 0, 0, 3, 0, 2, 0, 2, 0, 1, 0};
  EXPECT_TRUE(std::equal(header.begin(), header.end(), bytes.begin() + 5 * 165904));
  const std::uint16_t first_pixel = pattern(5, 2 * 144, 0);
  EXPECT_EQ(std::memcmp(&bytes[5 * 165904 + 16], &first_pixel, 2), 0);
}

TEST(raw_writer_v5, refuses_what_the_camera_cannot_hold) {
  const temporary_directory scratch;
  EXPECT_THROW(write_pattern(scratch.path(), {.frame = {64, 64}, .scan = {1, 1, 1}}), invalid_argument);
  EXPECT_THROW(write_pattern(scratch.path(), {.scan = {1, 70000, 1}}), invalid_argument);
  EXPECT_THROW(write_pattern(scratch.path(), {.scan = {0, 3, 1}}), invalid_argument);
  EXPECT_THROW(write_pattern(scratch.path(), {.format = input_format("mrc"), .scan = {1, 1, 1}}), invalid_argument);
}

}  // namespace
}  // namespace countem::testing_io
