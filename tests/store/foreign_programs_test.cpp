// Stores that other programs read or rewrote, and streams that others wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/store/chunk_decoder.hpp"
#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using test::expect_equal;
using test::read_all;
using test::write_store;
using testing::IsEmpty;

TEST(foreign_programs, reads_files_that_h5repack_rewrote) {
  if (std::system("command -v h5repack > /dev/null") != 0) GTEST_SKIP() << "h5repack of hdf5-tools is not installed";
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "counted.h5";
  for (const bool wide : {false, true}) {
    const event_batch expected = write_store(path, description_of({32, 48}, {5, 7, 1}), {wide});
    for (const char* filter : {"GZIP=6", "SHUF,GZIP=3", "NONE"}) {
      const std::filesystem::path repacked = directory / "repacked.h5";
      std::string command = "h5repack";
      for (std::string rest = filter; !rest.empty();) {
        command += " -f /electron_counts/data:" + rest.substr(0, rest.find(','));
        rest = rest.find(',') == std::string::npos ? "" : rest.substr(rest.find(',') + 1);
      }
      ASSERT_EQ(std::system((command + " " + path.string() + " " + repacked.string()).c_str()), 0) << command;
      SCOPED_TRACE(command);
      expect_equal(read_all(repacked), expected);
      EXPECT_THAT(verify_event_store(repacked), testing::Not(IsEmpty()));
    }
  }
}

/// Frames of more than largest_piece bytes.
store_description large_frames() {
  store_description description = description_of({9001, 9000}, {1, 2, 1});
  EXPECT_GT(description.shape.pixels(), io::largest_piece);
  return description;
}

/// Such frames are inflated and compared by pieces, so that memory stays what it is for ordinary ones.
TEST(large_frames, are_verified_and_read_piece_by_piece) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "counted.h5";
  const event_batch expected = write_store(path, large_frames(), {}, 2, 2000);
  EXPECT_THAT(verify_event_store(path), IsEmpty());
  expect_equal(read_all(path), expected);
}

TEST(large_frames, are_read_where_h5repack_rewrote_them) {
  if (std::system("command -v h5repack > /dev/null") != 0) GTEST_SKIP() << "h5repack of hdf5-tools is not installed";
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "counted.h5";
  const event_batch expected = write_store(path, large_frames(), {}, 2, 2000);
  for (const char* filter : {"GZIP=1", "SHUF -f /electron_counts/data:GZIP=1"}) {
    const std::filesystem::path repacked = directory / "repacked.h5";
    const std::string command = "h5repack -f /electron_counts/data:" + std::string(filter) + " ";
    ASSERT_EQ(std::system((command + path.string() + " " + repacked.string()).c_str()), 0) << command;
    SCOPED_TRACE(command);
    expect_equal(read_all(repacked), expected);
  }
}

TEST(large_frames, says_what_is_wrong_with_streams_of_large_frames) {
  const io::dense_layout frame{70'000'000, 1};
  const io::dense_layout smaller{frame.pixels - 1, 1};
  const io::dense_layout larger{frame.pixels + 1, 1};
  const std::vector<std::uint32_t> events{3, 3, 5'000'000, 69'999'999};
  io::symbol_statistics statistics;
  statistics.add(events, frame);
  std::vector<std::uint8_t> stream;
  io::frame_encoder(statistics, frame).encode(events, stream);

  std::vector<std::uint32_t> found(events.size());
  io::chunk_decoder(frame).decode_foreign(stream, found);
  EXPECT_EQ(found, events);
  const auto refused = [&](const io::dense_layout& as, std::span<const std::uint8_t> bytes, std::size_t number) {
    std::vector<std::uint32_t> to(number);
    EXPECT_THROW(io::chunk_decoder(as).decode_foreign(bytes, to), format_error);
  };
  refused(frame, stream, events.size() - 1);
  refused(frame, stream, events.size() + 1);
  refused(smaller, stream, events.size());
  refused(larger, stream, events.size());
  refused(frame, std::span(stream).first(stream.size() - 5), events.size());
  std::vector<std::uint8_t> damaged = stream;
  damaged.back() ^= 1U;  // Adler-32
  refused(frame, damaged, events.size());
}

TEST(foreign_programs, is_a_plain_file_to_h5dump) {
  if (std::system("command -v h5dump > /dev/null") != 0) GTEST_SKIP() << "h5dump of hdf5-tools is not installed";
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "counted.h5";
  const event_batch expected = write_store(path, description_of({4, 5}, {2, 2, 1}), {}, 4, 10);
  const std::filesystem::path listing = directory / "listing";
  ASSERT_EQ(
      std::system(
          ("h5dump -y -w 100000 -d /entry/data/data -o " + listing.string() + " " + path.string() + " > /dev/null").c_str()),
      0);
  std::ifstream in(listing);
  std::vector<std::uint32_t> dense(4 * 20, 0);
  for (std::size_t frame = 0; frame < 4; ++frame) {
    for (const std::uint32_t pixel : expected.events(frame)) ++dense[frame * 20 + pixel];
  }
  std::vector<std::uint32_t> dumped;
  std::string word;
  while (in >> word) dumped.push_back(static_cast<std::uint32_t>(std::stoul(word)));
  EXPECT_EQ(dumped, dense);
}

}  // namespace
}  // namespace countem
