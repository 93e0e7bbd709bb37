// Frames shown where the page cache holds them: the same as frames that are read, and no crash when a file fails meanwhile.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <numeric>

#include "io/files/mapped_range.hpp"
#include "tests/io/source_fixture.hpp"

namespace countem {
namespace {

using namespace testing_io;

source_options in_place(source_options options) {
  options.in_place = true;
  return options;
}

/// A frame as it was seen, to be compared after its pixels are gone.
struct seen_frame {
  std::uint8_t present = 0;
  bool truncated = false;
  std::vector<std::uint16_t> pixels;
  friend bool operator==(const seen_frame&, const seen_frame&) = default;
};

seen_frame look_at(const frame_view& frame) {
  return {frame.present, frame.truncated, pixels_of<std::uint16_t>(frame)};
}

std::vector<seen_frame> read_all(const frame_source& source) {
  std::vector<seen_frame> seen;
  frame_batch batch;
  for (std::uint64_t frame = 0; frame < source.info().scan.frames(); ++frame) {
    source.read(frame, 1, batch);
    seen.push_back(look_at(batch.frames.at(0)));
  }
  return seen;
}

/// Frames as visit() shows them, and whether it showed more of them at once than it was to copy.
struct visited {
  std::vector<seen_frame> frames;
  bool copied = true;
};

visited visit_all(const frame_source& source) {
  visited seen;
  frame_batch batch;
  const auto frames = static_cast<std::size_t>(source.info().scan.frames());
  source.visit(0, frames, 1, batch, [&](std::uint64_t first, std::span<const frame_view> shown) {
    EXPECT_EQ(first, seen.frames.size());
    if (shown.size() != 1) seen.copied = false;
    for (const frame_view& frame : shown) seen.frames.push_back(look_at(frame));
  });
  return seen;
}

class in_place_files : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path probe = directory.path() / "probe";
    save(probe, std::vector<char>(100, 1));
    if (!io::is_cached(io::file_handle::open_read(probe), 0, 1))
      GTEST_SKIP() << "this file system does not tell what is in the page cache: everything is copied";
  }
  std::vector<fs::path> write(input_format format, scan_shape scan, std::uint32_t files_per_module = 1) {
    io::raw_scan what;
    what.format = format;
    what.scan = scan;
    what.frame = io::camera_frame;
    what.files_per_module = files_per_module;
    return write_pattern(directory.path(), what);
  }
  temporary_directory directory;
};

TEST_F(in_place_files, several_files_a_module) {
  const auto files = write(input_format("v5"), {3, 4, 1}, 3);
  const auto source = open_source(files, in_place(as(input_format("v5"))));
  const visited seen = visit_all(*source);
  EXPECT_FALSE(seen.copied);
  EXPECT_EQ(seen.frames, read_all(*source));
}

TEST_F(in_place_files, missing_and_truncated_records) {
  const auto files = write(input_format("v5"), {2, 3, 1});
  fs::resize_file(files[1], fs::file_size(files[1]) - 100);
  edit_header(files[2], 0, input_format("v5"), [](io::camera_header& header) { header.x = 60000; });
  for (const fs::path& file : files) {
    edit_header(file, 3, input_format("v5"), [](io::camera_header& header) { header = {}; });
  }
  const auto source = open_source(files, in_place(as(input_format("v5"))));
  const visited seen = visit_all(*source);
  EXPECT_FALSE(seen.copied);
  EXPECT_EQ(seen.frames, read_all(*source));
  EXPECT_EQ(seen.frames[0].present, 0b1011);
  EXPECT_EQ(seen.frames[3].present, 0);
  EXPECT_TRUE(seen.frames[5].truncated);
}

TEST_F(in_place_files, records_far_apart_are_copied) {
  const auto files = write(input_format("v5"), {3, 3, 1});
  // The second frame of the scan is the last of the files.
  for (const fs::path& file : files) {
    edit_header(file, 8, input_format("v5"), [](io::camera_header& header) { header.x = 1, header.y = 0; });
    edit_header(file, 1, input_format("v5"), [](io::camera_header& header) { header.x = 2, header.y = 2; });
  }
  const auto source = open_source(files, in_place(as(input_format("v5"))));
  frame_batch batch;
  std::vector<std::size_t> pieces;
  const auto use = [&](std::uint64_t, std::span<const frame_view> shown) { pieces.push_back(shown.size()); };
  source->visit(0, 2, 1, batch, use);
  EXPECT_EQ(pieces, (std::vector<std::size_t>{1, 1})) << "two frames of nine mapped as nine";
  pieces.clear();
  source->visit(2, 6, 1, batch, use);
  EXPECT_EQ(pieces, (std::vector<std::size_t>{6}));
  EXPECT_EQ(visit_all(*source).frames, read_all(*source));
}

TEST_F(in_place_files, flat_files_are_copied_where_a_pixel_must_change) {
  const fs::path file = directory.path() / "frames.raw";
  std::vector<char> bytes(2 * 40 * 2 + 9);
  std::iota(bytes.begin(), bytes.end(), char{0});
  save(file, bytes);
  source_options options = as(input_format("raw"));
  const auto copied = [&](raw_layout layout) {
    options.raw = layout;
    const auto source = open_source({file}, in_place(options));
    EXPECT_EQ(visit_all(*source).frames, read_all(*source));
    return visit_all(*source).copied;
  };
  EXPECT_FALSE(copied({{8, 5}, pixel_type::u16, false, 0, 0}));
  EXPECT_FALSE(copied({{8, 5}, pixel_type::u16, false, 4, 2}));
  EXPECT_TRUE(copied({{8, 5}, pixel_type::u16, true, 0, 0})) << "the other byte order";
  EXPECT_TRUE(copied({{8, 5}, pixel_type::u16, false, 1, 0})) << "pixels at odd bytes";
}

TEST_F(in_place_files, a_file_that_shrinks_meanwhile_ends_in_a_sentence) {
  const auto files = write(input_format("v5"), {4, 4, 1});
  const auto source = open_source(files, in_place(as(input_format("v5"))));
  frame_batch batch;
  unsigned shown_pixels = 0;
  const auto shorten = [&](std::uint64_t, std::span<const frame_view> shown) {
    ASSERT_EQ(shown.size(), 16U);
    fs::resize_file(files[1], 200'000);
    for (const frame_view& frame : shown) {
      for (const std::uint16_t pixel : pixels_of<std::uint16_t>(frame)) shown_pixels += pixel != 0 ? 1 : 0;
    }
  };
  expect_error<io_error>([&] { source->visit(0, 16, 1, batch, shorten); },
                         {files[1].string() + ": ends at byte 200000", "became shorter"});
  EXPECT_GT(shown_pixels, 0U);
  // Frames that lie before the end are still shown.
  EXPECT_NO_THROW(source->visit(0, 1, 1, batch, [](std::uint64_t, std::span<const frame_view>) {}));
}

TEST_F(in_place_files, a_file_that_loses_a_part_of_its_last_page_does_too) {
  const auto files = write(input_format("v5"), {2, 2, 1});
  const auto source = open_source(files, in_place(as(input_format("v5"))));
  frame_batch batch;
  const auto shorten = [&](std::uint64_t, std::span<const frame_view> shown) {
    ASSERT_EQ(shown.size(), 4U);
    fs::resize_file(files[3], fs::file_size(files[3]) - 100);  // zeros there, and no signal
  };
  expect_error<io_error>([&] { source->visit(0, 4, 1, batch, shorten); }, {files[3].string(), "became shorter"});
}

TEST_F(in_place_files, what_is_only_on_disk_is_copied) {
  const auto drop = [](const fs::path& path) {
    const io::file_handle file = io::file_handle::open_read(path);
    ASSERT_EQ(::fsync(file.descriptor()), 0);
    ASSERT_EQ(::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED), 0);
  };
  const fs::path probe = directory.path() / "another";
  save(probe, std::vector<char>(1 << 20, 1));
  drop(probe);
  if (io::is_cached(io::file_handle::open_read(probe), 0, 1 << 20))
    GTEST_SKIP() << "this file system keeps everything in memory";
  const auto files = write(input_format("v5"), {4, 4, 1});
  for (const fs::path& path : files) drop(path);
  // Opening reads the page of each header, and not more.
  const auto source = open_source(files, in_place(as(input_format("v5"))));
  std::vector<std::size_t> pieces;
  frame_batch batch;
  source->visit(3, 5, 1, batch, [&](std::uint64_t, std::span<const frame_view> shown) { pieces.push_back(shown.size()); });
  EXPECT_EQ(pieces, std::vector<std::size_t>(5, 1));
}

TEST_F(in_place_files, many_ranges_at_a_time_then_none_then_again) {
  const fs::path path = directory.path() / "bytes";
  save(path, std::vector<char>(10'000, 7));
  const io::file_handle file = io::file_handle::open_read(path);
  std::vector<io::mapped_range> ranges;
  while (ranges.size() < 100'000) {
    io::mapped_range range = io::mapped_range::map(file, 4100, 100);
    if (range.empty()) break;
    EXPECT_EQ(std::to_integer<int>(*range.data()), 7);
    ranges.push_back(std::move(range));
  }
  EXPECT_GT(ranges.size(), 100U);
  EXPECT_LT(ranges.size(), 100'000U);
  ranges.clear();
  EXPECT_FALSE(io::mapped_range::map(file, 4100, 100).empty());
}

using in_place_signals = in_place_files;

/// What another program's part may have installed before.
void leave_with_seven(int) {
  std::_Exit(7);
}

TEST_F(in_place_signals, those_of_others_reach_their_handler) {
  const fs::path path = directory.path() / "bytes";
  save(path, std::vector<char>(10'000, 7));
  const auto raise_after_mapping = [&](void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(SIGBUS, &action, nullptr);
    (void)io::mapped_range::map(io::file_handle::open_read(path), 0, 100);
    static_cast<void>(std::raise(SIGBUS));
    std::_Exit(0);
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process that has mapped nothing yet
  EXPECT_EXIT(raise_after_mapping(leave_with_seven), testing::ExitedWithCode(7), "");
  EXPECT_EXIT(raise_after_mapping(SIG_IGN), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(raise_after_mapping(SIG_DFL), testing::KilledBySignal(SIGBUS), "");
}

TEST_F(in_place_signals, a_page_that_is_not_ours_still_ends_the_process) {
  const fs::path path = directory.path() / "bytes";
  save(path, std::vector<char>(10'000, 7));
  const auto touch = [&] {
    ::signal(SIGBUS, SIG_DFL);
    const io::file_handle file = io::file_handle::open_read(path);
    (void)io::mapped_range::map(file, 0, 100);
    void* const pages = ::mmap(nullptr, 10'000, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    fs::resize_file(path, 10);
    std::_Exit(static_cast<volatile char*>(pages)[9'000]);
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(touch(), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace countem
