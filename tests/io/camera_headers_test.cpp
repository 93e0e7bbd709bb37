// Headers read many at a time are those that a simple walk finds, and so is the index made of them, on files damaged in every
// way. The files are holes but for their headers.
#include <random>

#include "io/sources/camera/record_index.hpp"
#include "io/sources/camera/records.hpp"
#include "tests/io/source_fixture.hpp"

namespace countem::testing_io {
namespace {

using io::camera_header;
using io::camera_header_bytes;
using io::record_file;

/// One header after another, the way a person would.
std::vector<camera_header> walk(const fs::path& path, const io::camera_layout& layout) {
  std::ifstream file(path, std::ios::binary);
  std::vector<camera_header> headers;
  io::camera_header_image image{};
  for (std::uint64_t at = 0;; at += layout.record_bytes()) {
    file.seekg(static_cast<std::streamoff>(at));
    if (!file.read(reinterpret_cast<char*>(image.data()), image.size())) return headers;
    headers.push_back(io::decode(image));
  }
}

struct camera_headers : ::testing::Test {
  temporary_directory scratch;
  io::camera_layout layout = io::layout_of(input_format("v5"));
  std::mt19937 random{20261201};

  [[nodiscard]] std::uint32_t up_to(std::uint32_t most) { return static_cast<std::uint32_t>(random() % (most + 1)); }

  /// `headers` at equal distances, but from record `odd` on `shift` bytes later; then the file is made `bytes` long.
  fs::path write(const std::string& name, const std::vector<camera_header>& headers, std::uint64_t bytes, std::size_t odd = ~0U,
                 std::uint64_t shift = 0) {
    const fs::path path = scratch / name;
    std::ofstream file(path, std::ios::binary);
    for (std::size_t record = 0; record < headers.size(); ++record) {
      if (io::is_blank(headers[record])) continue;  // a hole
      const io::camera_header_image image = io::encode(headers[record]);
      file.seekp(static_cast<std::streamoff>(record * layout.record_bytes() + (record >= odd ? shift : 0)));
      file.write(reinterpret_cast<const char*>(image.data()), image.size());
    }
    file.close();
    fs::resize_file(path, bytes);
    return path;
  }

  [[nodiscard]] static std::vector<camera_header> scan_headers(std::uint16_t width, std::uint16_t height) {
    std::vector<camera_header> headers;
    for (std::uint16_t y = 0; y < height; ++y) {
      for (std::uint16_t x = 0; x < width; ++x) headers.push_back({7, std::uint32_t{y} * width + x, width, height, x, y});
    }
    return headers;
  }

  /// Records are late, lacking, repeated, of another scan, blank, out of place or of another size.
  void damage(std::vector<camera_header>& headers) {
    for (std::uint32_t faults = up_to(12); faults > 0; --faults) {
      const std::size_t at = up_to(static_cast<std::uint32_t>(headers.size() - 1));
      const auto place = headers.begin() + static_cast<std::ptrdiff_t>(at);
      const camera_header header = *place;
      switch (up_to(6)) {
        case 0: headers.erase(place); break;
        case 1: headers.insert(place, header); break;
        case 2: *place = {}; break;
        case 3: place->scan_number += 1; break;
        case 4: place->x = static_cast<std::uint16_t>(up_to(100)); break;
        case 5: place->scan_width = 9; break;
        default: std::swap(*place, headers[up_to(static_cast<std::uint32_t>(headers.size() - 1))]);
      }
    }
  }

  void expect_as_walked(const std::vector<fs::path>& paths) {
    std::vector<record_file> files;
    std::vector<record_file> walked;
    for (const fs::path& path : paths) {
      for (std::vector<record_file>* const all : {&files, &walked}) {
        all->push_back(io::open_record_file(path, layout));
        all->back().module = static_cast<std::uint32_t>((all->size() - 1) % 4);
      }
      walked.back().headers = walk(path, layout);
    }
    io::read_headers(files, layout);
    for (std::size_t file = 0; file < files.size(); ++file) ASSERT_TRUE(files[file].headers == walked[file].headers);

    const auto indexed = [&](const std::vector<record_file>& from) {
      io::issue_list issues;
      io::record_index index = io::index_records(from, layout, {7, 20, 15}, {}, issues);
      return std::pair(std::move(index), issues.take());
    };
    const auto [index, issues] = indexed(files);
    const auto [expected, expected_issues] = indexed(walked);
    EXPECT_EQ(index.scan, expected.scan);
    EXPECT_EQ(index.frames.frames, expected.frames.frames);
    EXPECT_EQ(index.frames.parts, expected.frames.parts);
    EXPECT_EQ(index.frames.truncated, expected.frames.truncated);
    ASSERT_EQ(issues.size(), expected_issues.size());
    for (std::size_t at = 0; at < issues.size(); ++at) {
      EXPECT_EQ(issues[at].text, expected_issues[at].text);
      EXPECT_EQ(issues[at].occurrences, expected_issues[at].occurrences);
    }
  }
};

TEST_F(camera_headers, of_a_sound_scan_lie_at_equal_distances) {
  // 20 x 15 positions: record 299 begins at byte 299 * 165904 = 49,605,296.
  const std::vector<camera_header> headers = scan_headers(20, 15);
  std::vector<record_file> files;
  files.push_back(io::open_record_file(write("sound", headers, 300 * 165904), layout));
  io::read_headers(files, layout);
  ASSERT_EQ(files[0].headers.size(), 300U);
  EXPECT_TRUE(files[0].headers == headers);
  EXPECT_EQ(files[0].headers[299], (camera_header{7, 299, 20, 15, 19, 14}));
  EXPECT_EQ(io::where(299, layout), "record 299 (byte 49605296)");
}

TEST_F(camera_headers, first_few_records_of_a_file) {
  const std::vector<camera_header> headers = scan_headers(20, 15);
  record_file first = io::open_record_file(write("sound", headers, 300 * 165904), layout, 256);
  io::read_headers({&first, 1}, layout);
  ASSERT_EQ(first.headers.size(), 256U);
  EXPECT_EQ(first.headers.back(), headers[255]);
}

TEST_F(camera_headers, of_files_cut_anywhere) {
  const std::vector<camera_header> headers = scan_headers(20, 15);
  std::vector<fs::path> paths;
  for (const std::uint64_t bytes : {0U, 1U, 15U, 16U, 17U, 165903U, 165904U, 165905U, 165904U + 15U, 165904U + 16U}) {
    paths.push_back(write("cut" + std::to_string(bytes), headers, bytes));
  }
  paths.push_back(write("whole", headers, 300 * layout.record_bytes()));
  paths.push_back(write("empty", {}, 0));
  expect_as_walked(paths);
}

TEST_F(camera_headers, behind_a_record_of_another_length) {
  // From record 100 on headers are 32 bytes late: at their places are pixels, which are zeros here.
  const fs::path odd = write("odd", scan_headers(20, 15), 300 * layout.record_bytes() + 32, 100, 32);
  expect_as_walked({odd, write("sound", scan_headers(20, 15), 300 * layout.record_bytes())});
  record_file file = io::open_record_file(odd, layout);
  io::read_headers({&file, 1}, layout);
  EXPECT_EQ(file.headers[99].frame_number, 99U);
  EXPECT_TRUE(io::is_blank(file.headers[100]));
  EXPECT_EQ(file.tail_bytes, 32U);
}

TEST_F(camera_headers, of_two_record_lengths_in_one_file) {
  // Records are one sector and a whole frame in turn: 5 sectors and 2 headers per pair.
  const std::uint64_t pair = layout.record_bytes() + io::layout_of(input_format("v3")).record_bytes();
  const std::vector<camera_header> headers = scan_headers(20, 15);
  const fs::path path = write("pairs", {headers[0]}, 40 * pair);
  for (std::uint64_t record = 0; record < 40; ++record) {
    const io::camera_header_image image = io::encode(headers[record]);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(record / 2 * pair + (record % 2) * layout.record_bytes()));
    file.write(reinterpret_cast<const char*>(image.data()), image.size());
  }
  expect_as_walked({path, write("sound", headers, 300 * layout.record_bytes())});
}

TEST_F(camera_headers, of_damaged_files_are_those_of_a_simple_walk) {
  for (int round = 0; round < 6; ++round) {
    // So many records that other threads than the caller's must read them.
    const std::uint32_t blank = round % 2 == 0 ? 0 : 400;
    std::vector<fs::path> paths;
    const std::uint32_t count = 1 + up_to(7);
    for (std::uint32_t file = 0; file < count; ++file) {
      std::vector<camera_header> headers = scan_headers(20, 15);
      headers.resize(60);
      damage(headers);
      for (std::size_t record = 0; blank != 0 && record < 60; record += 1 + up_to(5))
        headers.insert(headers.begin() + static_cast<std::ptrdiff_t>(up_to(static_cast<std::uint32_t>(headers.size()))),
                       up_to(blank), {});
      const std::uint64_t whole = headers.size() * layout.record_bytes();
      const std::uint64_t cut = up_to(1) * up_to(static_cast<std::uint32_t>(3 * layout.record_bytes()));
      paths.push_back(write("file" + std::to_string(file), headers, whole - cut, up_to(120), up_to(1) * 16));
    }
    expect_as_walked(paths);
  }
}

TEST_F(camera_headers, a_file_that_became_shorter_is_an_error_with_its_place) {
  record_file file = io::open_record_file(write("short", scan_headers(20, 15), 300 * layout.record_bytes()), layout);
  fs::resize_file(file.path(), 7 * layout.record_bytes() + 15);
  expect_error<io_error>([&] { io::read_headers({&file, 1}, layout); }, {"short", "became shorter", "header of record"});
}

}  // namespace
}  // namespace countem::testing_io
