#include <algorithm>
#include <string>
#include <vector>

#include "tests/io/sample_bytes.hpp"
#include "tests/io/source_fixture.hpp"

namespace countem::testing_io {
namespace {

struct flat_series : ::testing::Test {
  temporary_directory scratch;

  static std::vector<char> text(const std::string& words) { return {words.begin(), words.end()}; }
  static source_options described(frame_shape shape, pixel_type type) {
    source_options options = as(input_format("raw"));
    options.raw = raw_layout{shape, type};
    return options;
  }
};

TEST_F(flat_series, several_files_are_one_scan_in_the_order_of_the_numbers_in_their_names) {
  const auto put = [&](const std::string& name, const std::vector<std::uint8_t>& pixels) {
    save(scratch / name, {pixels.begin(), pixels.end()});
    return scratch / name;
  };
  const source_options options = described({1, 2}, pixel_type::u8);
  const std::vector<fs::path> files{put("f_10.bin", {7, 8}), put("f_9.bin", {3, 4, 5, 6}), put("f_08.bin", {1, 2})};
  const auto source = open_source(files, options);
  EXPECT_EQ(source->info().scan, (scan_shape{1, 4, 1}));
  EXPECT_EQ(all_pixels<std::uint8_t>(*source), (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(source->info().files.front().path, files[2]);
  expect_issue(source->info(), "order_of_names", 1, {"f_08.bin", "numbers in their names"});
  EXPECT_TRUE(open_source({files[2], files[1], files[0]}, options)->info().issues.empty());
  EXPECT_EQ(all_pixels<std::uint8_t>(*open_source({scratch.path()}, options)), all_pixels<std::uint8_t>(*source));
}

TEST_F(flat_series, files_that_a_numbered_series_lacks_leave_their_frames_missing) {
  const auto put = [&](const std::string& name, const std::string& pixels) {
    save(scratch / name, text(pixels));
    return scratch / name;
  };
  const auto shown = [](const frame_source& source) {
    const auto pixels = all_pixels<std::uint8_t>(source);
    return std::string(pixels.begin(), pixels.end());
  };
  source_options options = described({1, 1}, pixel_type::u8);
  std::vector<fs::path> files{put("f_9.bin", "ab"), put("f_10.bin", "cd"), put("f_13.bin", "e")};
  const auto source = open_source(files, options);
  EXPECT_EQ(shown(*source), std::string("abcd\0\0\0\0e", 9));
  EXPECT_EQ(source->info().missing_frames, 4U);
  expect_issue(source->info(), "files_missing", 1, {"f_13.bin", "2 of the numbered files", "their 4 frames are missing"});

  options.scan = scan_shape{1, 5, 1};  // it is known that these are all
  const auto whole = open_source(files, options);
  EXPECT_EQ(shown(*whole), "abcde");
  expect_issue(whole->info(), "files_missing", 1, {"f_13.bin", "follow those of the file before it"});
  options.scan.reset();

  files.insert(files.begin() + 1, put("f_9b.bin", "xy"));  // names that differ by more than a number
  const source_info stems = open_source(files, options)->info();
  EXPECT_EQ(find_issue(stems, "files_missing"), nullptr);
  expect_issue(stems, "numbers_apart", 1, {"f_9.bin", "(10, 13, ...)"});
  const std::vector<fs::path> times{put("t_1205.bin", "ab"), put("t_1210.bin", "cd"), put("t_1220.bin", "ef")};
  EXPECT_EQ(shown(*open_source(times, options)), "abcdef");
  expect_issue(open_source(times, options)->info(), "numbers_apart", 1, {"t_1205.bin", "(1205, 1210, ...)"});
  const std::vector<fs::path> uneven{put("u1.bin", "a"), put("u2.bin", "bcd"), put("u4.bin", "ef")};
  EXPECT_EQ(shown(*open_source(uneven, options)), "abcdef");
  expect_issue(open_source(uneven, options)->info(), "files_missing", 1, {"u4.bin", "follow"});
  const std::vector<fs::path> far{put("v1.bin", "ab"), put("v2.bin", "cd"), put("v18446744073709551615.bin", "ef")};
  EXPECT_EQ(shown(*open_source(far, options)), "abcdef");
  expect_issue(open_source(far, options)->info(), "files_missing", 1, {"follow"});
}

TEST_F(flat_series, numbers_that_nowhere_follow_one_another_are_files_where_the_scan_has_room_for_them) {
  save(scratch / "f_1.bin", text("abcd"));
  save(scratch / "f_3.bin", text("ijkl"));
  const std::vector<fs::path> files{scratch / "f_1.bin", scratch / "f_3.bin"};
  const auto shown = [&](const source_options& options) {
    std::string seen;
    for (const std::uint8_t pixel : all_pixels<std::uint8_t>(*open_source(files, options)))
      seen += pixel == 0 ? '-' : char(pixel);
    return seen;
  };
  source_options options = described({1, 1}, pixel_type::u8);
  EXPECT_EQ(shown(options), "abcdijkl");
  expect_issue(open_source(files, options)->info(), "numbers_apart", 1, {"f_1.bin", "(1, 3, ...)", "give the scan"});
  options.scan = scan_shape{3, 4, 1};
  EXPECT_EQ(shown(options), "abcd----ijkl");
  expect_issue(open_source(files, options)->info(), "files_missing", 1, {"f_3.bin", "1 of the", "their 4 frames are missing"});
  options.scan = scan_shape{3, 4, 0};
  EXPECT_EQ(shown(options), "abcd----ijkl");
  options.path.snake = true;
  EXPECT_EQ(shown(options), "abcd----ijkl");
  options.scan = scan_shape{4, 2, 1};  // lines of 2 and 1 of flyback, with that of the last line
  options.path = {0, 1, false};
  EXPECT_EQ(shown(options), "abd---jk");
  options.scan = scan_shape{2, 4, 1};
  options.path = {};
  EXPECT_EQ(shown(options), "abcdijkl");
  EXPECT_TRUE(open_source(files, options)->info().issues.empty()) << "it is known that these are all";
  options.scan = scan_shape{2, 5, 1};
  EXPECT_EQ(shown(options), "abcdijkl--");
  EXPECT_NE(find_issue(open_source(files, options)->info(), "numbers_apart"), nullptr);
}

TEST_F(flat_series, series_of_other_names_have_gaps_of_their_own) {
  std::vector<fs::path> files;
  for (const char* name : {"p_1", "p_2", "q_1", "q_3"}) {
    files.push_back(scratch / (std::string(name) + ".bin"));
    save(files.back(), text(name));
  }
  const auto source = open_source(files, described({1, 1}, pixel_type::u8));
  const auto pixels = all_pixels<std::uint8_t>(*source);
  EXPECT_EQ(std::string(pixels.begin(), pixels.end()), std::string("p_1p_2q_1\0\0\0q_3", 15));
  expect_issue(source->info(), "files_missing", 1, {"q_3.bin", "1 of the numbered files", "their 3 frames are missing"});
  EXPECT_EQ(source->info().missing_frames, 3U);
}

}  // namespace
}  // namespace countem::testing_io
