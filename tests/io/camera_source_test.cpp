#include "tests/io/source_fixture.hpp"

namespace countem::testing_io {
namespace {

struct camera_source : ::testing::Test {
  temporary_directory scratch;
  io::raw_scan scan{.format = input_format("v5"), .scan = {2, 3, 1}};

  std::vector<fs::path> write() { return write_pattern(scratch.path(), scan); }
  std::unique_ptr<frame_source> open(const std::vector<fs::path>& files) { return open_source(files, as(scan.format)); }
};

struct every_version : camera_source, ::testing::WithParamInterface<input_format> {
  every_version() { scan.format = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(versions, every_version, ::testing::Values(input_format("v3"), input_format("v4"), input_format("v5")),
                         [](const auto& version) { return std::string(to_string(version.param)); });

TEST_P(every_version, several_files_a_module_in_any_order) {
  scan.files_per_module = 2;
  auto files = write();
  std::reverse(files.begin(), files.end());
  expect_pattern(*open(files), 6);
}

TEST_P(every_version, several_frames_a_position) {
  scan.scan = {1, 2, 3};
  const auto source = open(write());
  EXPECT_EQ(source->info().scan, (scan_shape{1, 2, 3}));
  EXPECT_NE(find_issue(source->info(), "several_frames_per_position"), nullptr);
  expect_pattern(*source);
}

TEST_P(every_version, frames_at_each_position_are_those_given) {
  scan.scan = {1, 2, 3};
  const auto files = write();
  source_options options;
  options.format = scan.format;
  options.scan = scan_shape{1, 2, 0};
  EXPECT_EQ(open_source(files, options)->info().scan, (scan_shape{1, 2, 3}));
  for (const std::uint32_t repeats : {1U, 2U}) {
    options.scan = scan_shape{1, 2, repeats};
    const auto source = open_source(files, options);
    EXPECT_EQ(source->info().scan, (scan_shape{1, 2, repeats}));
    EXPECT_EQ(source->info().missing_frames, 0U);
    EXPECT_NE(find_issue(source->info(), "frame_outside_scan"), nullptr);
    frame_batch batch;
    source->read(repeats, 1, batch);
    EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[0]) == pattern_frame(3, {576, 576})) << "the second position's first";
  }
}

TEST_F(camera_source, row_sectors_are_bands_at_whole_cache_lines) {
  const auto source = open(write());
  EXPECT_EQ(source->info().split, sector_split::rows);
  frame_batch batch;
  source->read(1, 2, batch);
  for (const frame_view& frame : batch.frames) {
    EXPECT_EQ(frame.band_count, 4);
    for (const std::byte* band : frame.bands) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(band) % 64, 0U);
  }
}

TEST_F(camera_source, a_directory_stands_for_its_data_files) {
  write();
  save(scratch.path() / "notes.txt", {'x'});
  const auto source = open_source({scratch.path()}, {});
  EXPECT_EQ(source->info().format, input_format("v5"));
  expect_pattern(*source);
}

}  // namespace
}  // namespace countem::testing_io
