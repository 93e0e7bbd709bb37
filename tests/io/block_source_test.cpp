#include "tests/io/source_fixture.hpp"

namespace countem::testing_io {
namespace {

constexpr frame_shape block_shape{4, 6};

void append(std::vector<char>& to, const std::vector<std::uint32_t>& words) {
  const auto* const bytes = reinterpret_cast<const char*>(words.data());
  to.insert(to.end(), bytes, bytes + words.size() * 4);
}

/// A block of version 1 with these image numbers (from 1); image n holds pattern frame n - 1.
std::vector<char> v1_block(const std::vector<std::uint32_t>& numbers, frame_shape shape = block_shape) {
  std::vector<std::uint32_t> header{static_cast<std::uint32_t>(numbers.size()), shape.height, shape.width, 1, 0, 0, 0, 0, 0, 0};
  header.insert(header.end(), numbers.begin(), numbers.end());
  header.resize(1024);
  std::vector<char> bytes;
  append(bytes, header);
  for (const std::uint32_t number : numbers) {
    const auto pixels = pattern_frame(number - 1, shape);
    const auto* const raw = reinterpret_cast<const char*>(pixels.data());
    bytes.insert(bytes.end(), raw, raw + pixels.size() * 2);
  }
  return bytes;
}

struct camera_blocks : ::testing::Test {
  temporary_directory scratch;

  fs::path make(const std::string& name, const std::vector<std::vector<char>>& blocks) {
    std::vector<char> all;
    for (const auto& block : blocks) all.insert(all.end(), block.begin(), block.end());
    save(scratch / name, all);
    return scratch / name;
  }
};

TEST_F(camera_blocks, v1_blocks_of_several_files_in_image_order) {
  const fs::path a = make("a.data", {v1_block({5, 6}), v1_block({1})});
  const fs::path b = make("b.data", {v1_block({3, 2, 4})});
  const auto source = open_source({b, a}, as(input_format("v1")));
  EXPECT_EQ(source->info().shape, block_shape);
  EXPECT_EQ(source->info().scan, (scan_shape{1, 6, 1}));
  EXPECT_TRUE(source->info().issues.empty());
  expect_pattern(*source);
}

TEST_F(camera_blocks, v1_scan_of_the_caller) {
  source_options options = as(input_format("v1"));
  options.scan = scan_shape{2, 2, 1};
  const auto source = open_source({make("a.data", {v1_block({1, 2, 4, 5})})}, options);
  EXPECT_EQ(source->info().scan, (scan_shape{2, 2, 1}));
  EXPECT_EQ(source->info().missing_frames, 1U);
  expect_issue(source->info(), "position_outside_scan", 1, {"a.data", "image 4"});
  expect_issue(source->info(), "missing_frame", 1, {"4 frames"});
}

TEST_F(camera_blocks, v1_cut_short_repeated_and_damaged) {
  auto cut = v1_block({1, 2, 3});
  cut.resize(cut.size() - 1);
  const auto truncated = open_source({make("cut.data", {cut})}, as(input_format("v1")));
  expect_issue(truncated->info(), "truncated_record", 1, {"cut.data", "image 2", "47 of 48"});

  const auto repeated = open_source({make("again.data", {v1_block({1, 2}), v1_block({2, 3})})}, as(input_format("v1")));
  expect_issue(repeated->info(), "repeated_record", 1, {"again.data", "image 1"});
  expect_pattern(*repeated);

  auto wrong = v1_block({3});
  wrong[0] = static_cast<char>(0xff);
  wrong[1] = static_cast<char>(0xff);
  const auto damaged = open_source({make("damaged.data", {v1_block({1, 2}), wrong})}, as(input_format("v1")));
  expect_issue(damaged->info(), "damaged_header", 1, {"damaged.data", "65535 images", "left out"});
  expect_pattern(*damaged);

  const auto header = open_source({make("header.data", {v1_block({1}), std::vector<char>(100)})}, as(input_format("v1")));
  expect_issue(header->info(), "truncated_header", 1, {"header.data", "100 of 4096"});
  expect_pattern(*header);
}

TEST_F(camera_blocks, v1_image_numbers_out_of_any_range) {
  expect_error<format_error>({make("far.data", {v1_block({1, 0xffff'ffff})})}, as(input_format("v1")),
                             {"far.data", "claims a scan"}, advised(advice_kind::scan_size));
  auto zero = v1_block({1, 2});
  zero[4 * 11] = 0;
  const auto source = open_source({make("zero.data", {zero})}, as(input_format("v1")));
  EXPECT_EQ(source->info().scan.frames(), 1U);
  expect_issue(source->info(), "position_outside_scan", 1, {"zero.data", "number 0"});
}

TEST_F(camera_blocks, v1_what_it_is_not) {
  expect_error<format_error>({make("noise.data", {std::vector<char>(5000, 'n')})}, as(input_format("v1")),
                             {"noise.data", "block header at byte 0", "not format v1"});
  auto cut = v1_block({1});
  cut.resize(4100);
  expect_error<format_error>({make("cut.data", {cut})}, as(input_format("v1")), {"cut.data", "not one whole frame"});
}

TEST_F(camera_blocks, v2_frames_follow_the_first_four_bytes) {
  std::vector<char> bytes{9, 9, 9, 9};
  for (std::uint64_t frame = 0; frame < 3; ++frame) {
    const auto pixels = pattern_frame(frame, {576, 576});
    const auto* const raw = reinterpret_cast<const char*>(pixels.data());
    bytes.insert(bytes.end(), raw, raw + pixels.size() * 2);
  }
  bytes.resize(bytes.size() - 10);
  source_options options = as(input_format("v2"));
  options.scan = scan_shape{1, 3, 1};
  const auto source = open_source({make("v2.data", {bytes})}, options);
  expect_issue(source->info(), "truncated_record", 1, {"v2.data", "image 2"});
  frame_batch batch;
  source->read(0, 3, batch);
  EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[1]) == pattern_frame(1, {576, 576}));
  EXPECT_EQ(batch.frames[2].present, 0);
  EXPECT_TRUE(batch.frames[2].truncated);
}

TEST_F(camera_blocks, v2_a_full_block) {
  // 1600 frames, laid out as a hole in the file but for two of them.
  constexpr std::uint64_t frame_bytes = 576 * 576 * 2;
  const fs::path path = make("v2.data", {std::vector<char>(4)});
  fs::resize_file(path, 2 * (4 + 1600 * frame_bytes));
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::uint64_t offset, std::uint64_t frame) {
    const auto pixels = pattern_frame(frame, {576, 576});
    file.seekp(static_cast<std::streamoff>(offset)).write(reinterpret_cast<const char*>(pixels.data()), frame_bytes);
  };
  put(4 + 1599 * frame_bytes, 7);
  put(4 + 1600 * frame_bytes + 4 + 5 * frame_bytes, 8);
  file.close();
  source_options options = as(input_format("v2"));
  options.scan = scan_shape{40, 80, 1};
  const auto source = open_source({path}, options);
  EXPECT_TRUE(source->info().issues.empty());
  frame_batch batch;
  source->read(1599, 7, batch);
  EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[0]) == pattern_frame(7, {576, 576}));
  EXPECT_TRUE(pixels_of<std::uint16_t>(batch.frames[6]) == pattern_frame(8, {576, 576}));
}

}  // namespace
}  // namespace countem::testing_io
