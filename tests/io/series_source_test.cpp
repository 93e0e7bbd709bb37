#include <numeric>

#include "tests/io/sample_bytes.hpp"
#include "tests/store/eer_samples.hpp"

// TVIPS, block files, SER and SEQ (docs/formats.md).
namespace countem::testing_io {
namespace {

using small_pixels = std::vector<std::uint8_t>;

struct tvips_files : ::testing::Test {
  temporary_directory scratch;

  /// Frames of one u8 pixel with these values, at these scan positions.
  [[nodiscard]] fs::path part(int number, const small_pixels& values, const std::vector<std::uint32_t>& positions,
                              std::uint32_t version = 2) const {
    file_bytes bytes = number == 0 ? tvips_header(version, 1, 1, 8) : file_bytes();
    for (std::size_t at = 0; at < values.size(); ++at) {
      const file_bytes header = tvips_frame_header(positions.empty() ? 0 : positions[at], version == 2 ? 60 : 12);
      bytes.insert(bytes.end(), header.begin(), header.end());
      append<std::uint8_t>(bytes, {values[at]});
    }
    char name[32];
    std::snprintf(name, sizeof name, "s_%03d.tvips", number);
    return put(scratch.path(), name, bytes);
  }
};

TEST_F(tvips_files, parts_are_one_series) {
  const fs::path first = part(0, {1, 2}, {});
  const fs::path second = part(1, {3}, {});
  const fs::path third = part(2, {4, 5}, {});
  const small_pixels all{1, 2, 3, 4, 5};
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({third, first, second}, {})), all);
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({scratch.path()}, {})), all);
  for (const fs::path& one : {first, third}) {
    const auto source = open_source({one}, {});
    EXPECT_EQ(all_pixels<std::uint8_t>(*source), all) << one;
    EXPECT_EQ(source->info().files.size(), 3U);
    expect_issue(source->info(), "series_completed", 1, {"3 parts", "s_002.tvips"});
  }
  expect_error<format_error>({first, third}, {}, {"s_002.tvips", "part 1"});
  fs::resize_file(second, 60);
  expect_error<format_error>({scratch.path()}, {}, {"s_001.tvips", "truncated"});
  fs::remove(second);
  expect_error<format_error>({third}, {}, {"s_002.tvips", "s_001.tvips is not beside it"});
  fs::remove(first);
  expect_error<format_error>({third}, {}, {"s_002.tvips", "s_000.tvips, is not beside it"});
}

TEST_F(tvips_files, positions_in_headers_are_places) {
  const auto places = [&](const small_pixels& values, const std::vector<std::uint32_t>& positions) {
    return all_pixels<std::uint8_t>(*open_source({part(0, values, positions)}, {}));
  };
  EXPECT_EQ(places({1, 2, 3}, {0, 1, 2}), (small_pixels{1, 2, 3})) << "from 0";
  EXPECT_EQ(places({1, 2, 3}, {7, 7, 7}), (small_pixels{1, 2, 3})) << "no scan";
  EXPECT_EQ(places({1, 2, 3}, {1, 2, 3}), (small_pixels{1, 2, 3})) << "from 1";
  EXPECT_EQ(places({1, 2, 3}, {1, 2, 5}), (small_pixels{1, 2, 0, 0, 3})) << "two lost";
  EXPECT_EQ(places({9, 9, 1, 2, 3, 9}, {0, 0, 1, 2, 3, 3}), (small_pixels{1, 2, 3})) << "before and after";
  EXPECT_EQ(places({1, 2, 3, 4, 5}, {1, 1, 1, 4, 5}), (small_pixels{1, 2, 3, 4, 5})) << "a counter that lags";
  EXPECT_EQ(places({1, 2, 9, 4}, {1, 1, 1, 3}), (small_pixels{1, 2, 4})) << "one too many";
  EXPECT_EQ(places({1, 2, 3, 4}, {1, 3, 2, 4}), (small_pixels{1, 2, 3, 4})) << "not in order";
  const auto source = open_source({part(0, {9, 9, 1, 2, 8, 3, 9}, {0, 0, 1, 2, 2, 3, 0})}, {});
  EXPECT_EQ(all_pixels<std::uint8_t>(*source), (small_pixels{1, 2, 3}));
  expect_issue(source->info(), "frame_outside_scan", 3, {"2 frames before and 1 behind"});
  expect_issue(source->info(), "position_outside_scan", 1, {"1 frames are more"});
  expect_issue(open_source({part(0, {1, 2, 3, 4}, {1, 3, 2, 4})}, {})->info(), "unordered_positions", 1, {"step back"});
  expect_error<format_error>({part(0, {1, 2}, {1, 0xffff'ffff})}, {}, {"s_000.tvips", "claims a scan"});
}

TEST_F(tvips_files, version_1_and_faults) {
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({part(0, {1, 2, 3}, {}, 1)}, {})), (small_pixels{1, 2, 3}));
  const auto refused = [&](const file_bytes& bytes, const std::vector<std::string>& words) {
    expect_error<format_error>({put(scratch.path(), "f_000.tvips", bytes)}, {}, words);
  };
  refused(tvips_header(3, 1, 1, 8), {"f_000.tvips", "not the first part"});
  refused(tvips_header(2, 1, 1, 12), {"f_000.tvips", "12 bits"});
  refused(tvips_header(2, 0, 1, 8), {"f_000.tvips", "1 x 0"});
  refused(tvips_header(2, 1, 1, 8), {"f_000.tvips", "0 whole frames"});
  refused({0, 1, 0, 0}, {"f_000.tvips", "shorter than"});
}

TEST_F(tvips_files, a_real_series) {
  const fs::path first = real_file("test_tvips_2345_split_000.tvips");
  if (!fs::exists(first)) GTEST_SKIP() << "the real file " << first << " is not on this machine";
  source_options options;
  options.scan = scan_shape{2, 3, 1};
  const auto source = open_source({first}, options);
  EXPECT_EQ(source->info().files.size(), 3U);
  EXPECT_EQ(source->info().shape, (frame_shape{4, 5}));
  EXPECT_EQ(source->info().missing_frames, 0U);
  std::vector<std::uint16_t> ascending(120);
  std::iota(ascending.begin(), ascending.end(), std::uint16_t{0});
  EXPECT_EQ(all_pixels<std::uint16_t>(*source), ascending);
}

struct blo_files : ::testing::Test {
  temporary_directory scratch;

  /// Patterns of 1 x 1 pixels.
  [[nodiscard]] fs::path write(const std::vector<std::uint32_t>& numbers, const small_pixels& values) const {
    file_bytes bytes = blo_header(1, 3, 2);
    for (std::size_t at = 0; at < values.size(); ++at) {
      const file_bytes header = blo_pattern_header(numbers[at]);
      bytes.insert(bytes.end(), header.begin(), header.end());
      append<std::uint8_t>(bytes, {values[at]});
    }
    return put(scratch.path(), "a.blo", bytes);
  }
};

TEST_F(blo_files, numbers_are_places) {
  const auto lost = open_source({write({0, 1, 4, 5}, {1, 2, 5, 6})}, {});
  EXPECT_EQ(lost->info().scan, (scan_shape{2, 3, 1}));
  EXPECT_EQ(all_pixels<std::uint8_t>(*lost), (small_pixels{1, 2, 0, 0, 5, 6}));
  EXPECT_EQ(lost->info().missing_frames, 2U);
  const auto unordered = open_source({write({0, 0, 0, 0, 0, 0}, {1, 2, 3, 4, 5, 6})}, {});
  EXPECT_EQ(all_pixels<std::uint8_t>(*unordered), (small_pixels{1, 2, 3, 4, 5, 6}));
  expect_issue(unordered->info(), "unordered_numbers", 1, {"a.blo", "do not grow"});
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({write({0, 1, 9, 10}, {1, 2, 3, 4})}, {})), (small_pixels{1, 2, 3, 4, 0, 0}));
}

TEST_F(blo_files, of_16_bits_and_faults) {
  file_bytes bytes = blo_header(1, 2, 1, "Camera gamma : on\r\nBlo Bit Depth: 16 bits\r\n");
  for (std::uint32_t number = 0; number < 2; ++number) {
    const file_bytes header = blo_pattern_header(number);
    bytes.insert(bytes.end(), header.begin(), header.end());
    append<std::uint16_t>(bytes, {static_cast<std::uint16_t>(1000 + number)});
  }
  EXPECT_EQ(all_pixels<std::uint16_t>(*open_source({put(scratch.path(), "b.blo", bytes)}, {})),
            (std::vector<std::uint16_t>{1000, 1001}));
  bytes = blo_header(1, 2, 1);
  expect_error<format_error>({put(scratch.path(), "c.blo", bytes)}, {}, {"c.blo", "not one whole frame"});
  append_text(bytes, "1234567");
  expect_error<format_error>({put(scratch.path(), "c.blo", bytes)}, {}, {"c.blo", "holds no pattern at byte 514"});
  bytes[6] = 9;
  expect_error<format_error>({put(scratch.path(), "c.blo", bytes)}, {}, {"c.blo", "no block file"});
}

TEST_F(blo_files, a_real_file) {
  const fs::path file = real_file("test2.blo");
  if (!fs::exists(file)) GTEST_SKIP() << "the real file " << file << " is not on this machine";
  const auto source = open_source({file}, {});
  EXPECT_EQ(source->info().shape, (frame_shape{5, 5}));
  EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
  const auto pixels = all_pixels<std::uint8_t>(*source);
  EXPECT_EQ(std::accumulate(pixels.begin(), pixels.end(), 0U), 2952U);
  EXPECT_EQ(*std::max_element(pixels.begin(), pixels.end()), 30);
}

TEST(ser_files, versions_types_axes_and_the_order_of_rows) {
  const temporary_directory scratch;
  ser_recipe recipe{.elements = 6, .axes = {3, 2}, .type = 7, .width = 2, .height = 2};
  for (int image = 0; image < 5; ++image) {
    file_bytes pixels;
    const auto first = static_cast<float>(10 * image);
    append<float>(pixels, {first + 2, first + 3, first, first + 1});
    recipe.images.push_back(pixels);
  }
  for (const std::uint16_t version : {std::uint16_t{0x210}, std::uint16_t{0x220}}) {
    recipe.version = version;
    const fs::path file = put(scratch.path(), "s.ser", ser_file(recipe));
    const auto source = open_source({file}, {});
    EXPECT_EQ(source->info().scan, (scan_shape{2, 3, 1}));
    EXPECT_EQ(source->info().missing_frames, 1U) << "5 of 6 are there";
    expect_issue(source->info(), "scan_from_axes", 1, {"s.ser", "3 x 2"});
    EXPECT_EQ(all_pixels<float>(*source),
              (std::vector<float>{0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33, 40, 41, 42, 43, 0, 0, 0, 0}));
  }
  recipe.images[2].pop_back();
  recipe.images[2].pop_back();
  recipe.images[4].resize(8);
  const auto refused = [&](std::size_t at, std::uint32_t word, const std::vector<std::string>& words) {
    file_bytes bytes = ser_file(recipe);
    put_word(bytes, at, word);
    expect_error<format_error>({put(scratch.path(), "f.ser", bytes)}, as(input_format("ser")), words);
  };
  refused(0, 1, {"f.ser", "no SER file"});
  refused(6, 0x4120, {"f.ser", "no images"});
  refused(18, 7, {"f.ser", "7 images of 6"});
  refused(14, 0xffff'ffff, {"f.ser"});
  refused(26, 0x7fff'ffff, {"f.ser", "not there"});
}

TEST(seq_files, versions_and_faults) {
  const temporary_directory scratch;
  const auto write = [&](const file_bytes& header) {
    file_bytes bytes = header;
    append<std::uint16_t>(bytes, {1, 2, 9, 9, 3, 4, 9, 9});
    return put(scratch.path(), "s.seq", bytes);
  };
  for (const std::uint32_t version : {4U, 5U}) {
    for (const std::uint32_t frames : {0U, 2U})
      EXPECT_EQ(all_pixels<std::uint16_t>(*open_source({write(seq_header(version, 2, 1, 16, frames, 8))}, {})),
                (std::vector<std::uint16_t>{1, 2, 3, 4}));
  }
  EXPECT_EQ(open_source({write(seq_header(5, 2, 1, 16, 3, 8))}, {})->info().missing_frames, 1U);
  const auto refused = [&](std::size_t at, std::uint32_t word, const std::vector<std::string>& words) {
    file_bytes header = seq_header(5, 2, 1, 16, 2, 8);
    put_word(header, at, word);
    expect_error<format_error>({write(header)}, as(input_format("seq")), words);
  };
  refused(0, 1, {"s.seq", "no SEQ file"});
  refused(556, 12, {"s.seq", "12 bits"});
  refused(564, 12, {"s.seq", "in colour"});
  refused(620, 1, {"s.seq", "compressed"});
  refused(580, 3, {"s.seq", "every 3 bytes"});
  refused(548, 0, {"s.seq", "1 x 0"});
}

TEST(other_files, are_named) {
  const temporary_directory scratch;
  const auto refused = [&](const std::string& name, const file_bytes& bytes, const std::vector<std::string>& words) {
    expect_error<format_error>({put(scratch.path(), name, bytes)}, {}, words);
  };
  file_bytes bytes;
  append_text(bytes, std::string("TPX3\0\0\x10\0", 8));
  refused("a.tpx3", bytes, {"a.tpx3", "TPX3", "raw frames are expected"});
  const auto tiff = [](std::initializer_list<std::uint16_t> compressions) {
    std::vector<test::tiff_directory> directories;
    for (const std::uint16_t compression : compressions)
      directories.push_back({.compression = compression, .strips = {"12345678"}});
    const std::string file = test::tiff_file(directories);
    return file_bytes(file.begin(), file.end());
  };
  refused("a.eer", tiff({65001}), {"a.eer", "EER", "electrons that a Falcon camera counted", "convert it"});
  refused("a.eer", tiff({1, 65002}), {"a.eer", "EER"});
  refused("a.tif", tiff({1}), {"a.tif", "TIFF", "MRC"});
  bytes = tiff({65000});
  bytes.resize(20);
  refused("cut.eer", bytes, {"cut.eer", "TIFF"});
  bytes.clear();
  append_text(bytes, std::string("II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0", 16));
  refused("big.tif", bytes, {"big.tif", "TIFF"});
}

}  // namespace
}  // namespace countem::testing_io
