#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <tbb/info.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/files/file_lock.hpp"
#include "io/files/mapped_parts.hpp"
#include "io/files/mapped_range.hpp"
#include "io/files/npy_output.hpp"
#include "io/files/space_reservation.hpp"
#include "tests/io/new_file.hpp"
#include "tests/store/temporary_directory.hpp"
#include "threads/arena.hpp"

namespace countem::io {
namespace {

using testing::HasSubstr;

std::uint8_t byte_at(std::uint64_t offset) {
  return static_cast<std::uint8_t>(offset % 251);
}

/// A file of `bytes` bytes that encode their position.
file_handle patterned_file(const std::filesystem::path& path, std::size_t bytes) {
  std::vector<std::uint8_t> pattern(bytes);
  for (std::size_t i = 0; i < bytes; ++i) pattern[i] = byte_at(i);
  file_handle file = test::new_file(path);
  file.write_at(0, pattern.data(), pattern.size());
  return file;
}

/// Whether the system answers reads from the page cache alone; an emulator may not know the call, a file system may not offer
/// it.
bool answers_from_page_cache([[maybe_unused]] const file_handle& written) {
#ifdef RWF_NOWAIT
  char byte = 0;
  const iovec to{&byte, 1};
  return ::preadv2(written.descriptor(), &to, 1, 0, RWF_NOWAIT) == 1;
#else
  return false;
#endif
}

constexpr const char* no_page_cache = "this system does not say what its page cache holds";

TEST(file_limits, an_earlier_interruption_keeps_no_lock_waiting) {
  const test::temporary_directory directory;
  const file_handle file = test::new_file(directory / "file");
  errno = EINTR;
  EXPECT_NE(lock_file(file.descriptor()), lock_state::taken) << "a call that succeeds leaves errno as it was";
}

TEST(file_limits, reading_stops_at_the_end) {
  const test::temporary_directory directory;
  const file_handle file = patterned_file(directory / "file", 10);
  std::array<std::uint8_t, 8> got{};
  EXPECT_EQ(file.read_at(2, got.data(), 8), 8U);
  EXPECT_EQ(got[7], 9);
  EXPECT_EQ(file.read_at(3, got.data(), 8), 7U);
  EXPECT_EQ(file.read_at(10, got.data(), 8), 0U);
  EXPECT_EQ(file.read_at(0, got.data(), 0), 0U);
}

TEST(mapped_parts_limits, parts_are_found_in_whatever_order_they_came) {
  const test::temporary_directory directory;
  std::vector<file_handle> files;
  files.push_back(patterned_file(directory / "a", 300'000));
  files.push_back(patterned_file(directory / "b", 10'000));
  files.push_back(patterned_file(directory / "unused", 10));
  if (!answers_from_page_cache(files.front())) GTEST_SKIP() << no_page_cache;
  mapped_parts parts(files);
  parts.add(0, 200'000, 100'000);
  parts.add(0, 120'000, 60'000);
  parts.add(1, 5'000, 5'000);
  ASSERT_TRUE(parts.map());
  for (const std::uint64_t offset : {200'000U, 299'999U, 120'000U, 179'999U})
    EXPECT_EQ(std::to_integer<std::uint8_t>(*parts.at(0, offset)), byte_at(offset));
  for (const std::uint64_t offset : {5'000U, 9'999U})
    EXPECT_EQ(std::to_integer<std::uint8_t>(*parts.at(1, offset)), byte_at(offset));
  EXPECT_NO_THROW(parts.check());
}

TEST(mapped_parts_limits, at_most_twice_the_bytes_are_mapped) {
  const test::temporary_directory directory;
  std::vector<file_handle> files;
  files.push_back(patterned_file(directory / "a", 10'000));
  if (!answers_from_page_cache(files.front())) GTEST_SKIP() << no_page_cache;
  for (const std::uint64_t second : {3'000U, 3'001U}) {
    mapped_parts parts(files);
    parts.add(0, 0, 1'000);
    parts.add(0, second, 1'000);
    EXPECT_EQ(parts.map(), second == 3'000U) << "4000 bytes for 2000";
  }
}

TEST(mapped_parts_limits, a_file_that_became_shorter_is_an_error_from_the_first_byte_on) {
  const test::temporary_directory directory;
  std::vector<file_handle> files;
  files.push_back(patterned_file(directory / "a", 10'000));
  if (!answers_from_page_cache(files.front())) GTEST_SKIP() << no_page_cache;
  mapped_parts parts(files);
  parts.add(0, 4'000, 6'000);
  ASSERT_TRUE(parts.map());
  EXPECT_NO_THROW(parts.check());
  std::filesystem::resize_file(directory / "a", 9'999);
  EXPECT_THROW(parts.check(), io_error);
}

TEST(mapped_range_limits, what_lies_behind_the_end_is_not_cached) {
  const test::temporary_directory directory;
  const file_handle file = patterned_file(directory / "a", 10'000);
  if (!answers_from_page_cache(file)) GTEST_SKIP() << no_page_cache;
  EXPECT_TRUE(is_cached(file, 0, 10'000)) << "just written";
  EXPECT_FALSE(is_cached(file, 10'000, 10'000));
  EXPECT_FALSE(is_cached(file, 5'000, 10'000)) << "the second half is not there";
}

std::uint64_t bytes_on_disk(const std::filesystem::path& path) {
  struct stat facts {};
  EXPECT_EQ(::stat(path.c_str(), &facts), 0);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

TEST(space_limits, so_much_is_kept_ahead_and_given_back) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "file";
  const file_handle file = patterned_file(path, 1'000);
  if (::fallocate(file.descriptor(), FALLOC_FL_KEEP_SIZE, 0, 4096) != 0) GTEST_SKIP() << "this file system reserves nothing";
  constexpr std::uint64_t step = std::uint64_t{32} << 20U;
  space_reservation space(file.descriptor(), path);
  space.reserve(1'000);
  EXPECT_GE(bytes_on_disk(path), 1'000 + step);
  EXPECT_LT(bytes_on_disk(path), 1'000 + step + (1U << 20U));
  space.reserve(1'000 + step);  // is there
  EXPECT_LT(bytes_on_disk(path), 1'000 + step + (1U << 20U));
  space.reserve(1'001 + step);
  EXPECT_GE(bytes_on_disk(path), 1'001 + 2 * step);
  EXPECT_EQ(std::filesystem::file_size(path), 1'000U) << "the file itself does not grow";
  space.release(path);
  EXPECT_LT(bytes_on_disk(path), step);
  EXPECT_EQ(std::filesystem::file_size(path), 1'000U);
}

TEST(space_limits, a_disk_that_is_too_small_is_an_error_and_what_fits_is_kept_afterwards) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "file";
  const file_handle file = patterned_file(path, 1'000);
  if (::fallocate(file.descriptor(), FALLOC_FL_KEEP_SIZE, 0, 4096) != 0) GTEST_SKIP() << "this file system reserves nothing";
  space_reservation space(file.descriptor(), path);
  constexpr std::uint64_t far_too_much = std::uint64_t{1} << 50U;
  try {
    space.reserve(far_too_much);
    FAIL() << "kept a pebibyte";
  } catch (const io_error& told) {
    EXPECT_THAT(told.what(), HasSubstr("no room for 1125899906842624 more bytes"));
  }
  space.reserve(1'000);
  EXPECT_GE(bytes_on_disk(path), std::uint64_t{32} << 20U);
}

TEST(thread_limits, as_many_as_wanted_and_the_machine_has) {
  const int most = tbb::info::default_concurrency();
  EXPECT_EQ(arena_of(0).max_concurrency(), most);
  EXPECT_EQ(arena_of(1).max_concurrency(), 1);
  EXPECT_EQ(arena_of(static_cast<unsigned>(most)).max_concurrency(), most);
  EXPECT_EQ(arena_of(static_cast<unsigned>(most) + 1).max_concurrency(), most);
  EXPECT_EQ(arena_of(0xffff'ffffU).max_concurrency(), most);
}

TEST(npy_limits, the_header_ends_on_a_multiple_of_64_bytes) {
  const std::vector<std::uint64_t> extent{2, 3};
  const std::string header = npy_header_of("<u4", extent);
  const std::string text = "{'descr': '<u4', 'fortran_order': False, 'shape': (2,3,),  }";
  EXPECT_EQ(header, std::string("\x93NUMPY\x01\x00\x76\x00", 10) + text + std::string(118 - text.size() - 1, ' ') + "\n");
  // From one length of the text to the next multiple.
  for (std::uint64_t length = 1; length < 1'000'000'000'000; length *= 10) {
    const std::vector<std::uint64_t> long_extent{length, length};
    EXPECT_EQ(npy_header_of("<u4", long_extent).size() % 64, 0U) << length;
  }
}

TEST(npy_limits, repeats_are_an_axis_where_there_are_any) {
  EXPECT_THAT(dense_extent({2, 3, 1}, {4, 5}), testing::ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(dense_extent({2, 3, 2}, {4, 5}), testing::ElementsAre(2, 3, 2, 4, 5));
}

}  // namespace
}  // namespace countem::io
