// Chunks that are found by the bytes of HDF5's index: where HDF5 finds them, and never with another answer than by HDF5.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/hdf5/handle.hpp"
#include "io/hdf5/metadata.hpp"
#include "io/store/file.hpp"
#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using io::chunk_access;
using io::event_store_file;
using test::description_of;
using whole_file = std::vector<char>;

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(metadata_checksum, is_lookup3) {
  // The values that its author gives for hashlittle() from 0 on.
  EXPECT_EQ(io::metadata_checksum({}), 0xdeadbeefU);
  EXPECT_EQ(io::metadata_checksum(bytes_of("Four score and seven years ago")), 0x17770551U);
}

TEST(metadata_reader, ends_with_zeros) {
  const std::uint8_t bytes[] = {1, 2, 3, 4, 5};
  io::metadata_reader reader(bytes);
  EXPECT_EQ(reader.number(2), 0x0201U);
  EXPECT_EQ(reader.left(), 3U);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.number(4), 0U);
  EXPECT_EQ(reader.number(1), 0U);
  EXPECT_FALSE(reader.ok());
  io::metadata_reader again(bytes);
  EXPECT_EQ(again.number(9), 0U);
  EXPECT_FALSE(again.ok());
}

whole_file contents_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Changes one byte.
void put_byte(const std::filesystem::path& path, std::uint64_t at, char byte) {
  std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(at));
  out.put(byte);
}

std::uint64_t place_of(const whole_file& bytes, std::string_view signature) {
  return static_cast<std::uint64_t>(std::search(bytes.begin(), bytes.end(), signature.begin(), signature.end()) -
                                    bytes.begin());
}

/// What reading a store ends with: all its events, or a sentence. By both ways of access, and by verifying it.
struct outcome {
  event_batch events;
  std::string sentence;
  std::vector<std::string> faults;
};

outcome outcome_of(const std::filesystem::path& path, chunk_access access, unsigned threads = 1) {
  outcome found;
  try {
    const auto store = io::open_event_store(path, access);
    store->read(0, static_cast<std::size_t>(store->frames()), found.events, threads);
  } catch (const error& reason) {
    found.events = {};
    found.sentence = reason.what();
  }
  return found;
}

void expect_same(const outcome& found, const outcome& expected) {
  EXPECT_EQ(found.sentence, expected.sentence);
  test::expect_equal(found.events, expected.events);
}

class addressed_chunks : public testing::Test {
 protected:
  event_batch write(scan_shape scan, std::size_t mean, frame_shape shape = {16, 24}) {
    return test::write_store(path, description_of(shape, scan), {}, 1000, mean);
  }

  /// Where HDF5 finds each chunk. It searches the index once per chunk: only some of many.
  void expect_places_of_hdf5(const scan_shape& scan, std::uint64_t step) const {
    const event_store_file file(path);
    ASSERT_TRUE(file.has_addresses());
    std::vector<io::chunk_place> places(file.counts().size());
    file.find_chunks(0, places);
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle opened(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file");
    const io::hdf5_handle data(H5Dopen2(opened, "/electron_counts/data", H5P_DEFAULT), "data");
    for (std::uint64_t frame = 0; frame < places.size(); frame += step) {
      const hsize_t where[] = {frame / scan.width, frame % scan.width, 0, 0};
      unsigned mask = 0;
      haddr_t address = 0;
      hsize_t bytes = 0;
      ASSERT_GE(H5Dget_chunk_info_by_coord(data, where, &mask, &address, &bytes), 0);
      EXPECT_EQ(places[frame].bytes, bytes) << frame;
      EXPECT_EQ(places[frame].address, address) << frame;
      EXPECT_EQ(places[frame].skipped_filters, mask) << frame;
    }
  }

  test::temporary_directory directory;
  std::filesystem::path path = directory / "counted.h5";
};

TEST_F(addressed_chunks, are_where_hdf5_finds_them) {
  struct sample {
    scan_shape scan;
    std::uint64_t step;
  };
  // One page of the index, the block that is just not divided, one more, several pages, and a last page that is full.
  for (const sample& of : {sample{{1, 2, 1}, 1}, sample{{10, 100, 1}, 1}, sample{{1, 1024, 1}, 1}, sample{{25, 41, 1}, 1},
                           sample{{2, 1024, 1}, 7}}) {
    SCOPED_TRACE(of.scan.frames());
    const event_batch written = write(of.scan, 6);
    expect_places_of_hdf5(of.scan, of.step);
    for (const unsigned threads : {1U, 2U}) {
      const outcome found = outcome_of(path, chunk_access::by_address, threads);
      EXPECT_EQ(found.sentence, "");
      test::expect_equal(found.events, written);
    }
    EXPECT_THAT(verify_event_store(path), testing::IsEmpty());
  }
}

TEST_F(addressed_chunks, of_many_pages_are_where_hdf5_finds_them) {
  const scan_shape scan{280, 250, 1};  // 69 pages: more than are kept
  const event_batch written = write(scan, 1, {4, 4});
  expect_places_of_hdf5(scan, 6'997);
  const auto store = open_event_store(path);
  event_batch read;
  store->read(0, 70'000, read, 2);
  test::expect_equal(read, written);
  store->read(69'999, 1, read, 1);
  EXPECT_TRUE(std::ranges::equal(read.indices, written.events(69'999)));
  store->read(1'023, 2, read, 1);
  EXPECT_TRUE(std::ranges::equal(read.events(1), written.events(1'024)));
}

TEST_F(addressed_chunks, of_one_frame_are_read_by_hdf5) {
  const event_batch written = write({1, 1, 1}, 6);
  EXPECT_FALSE(event_store_file(path).has_addresses()) << "HDF5 keeps a single chunk without an index";
  expect_same(outcome_of(path, chunk_access::by_address), outcome_of(path, chunk_access::through_hdf5));
}

TEST_F(addressed_chunks, may_be_missing_page_by_page) {
  const scan_shape scan{3, 1024, 1};
  const store_description description = description_of({16, 24}, scan);
  {
    event_batch all = test::random_batch(0, 3 * 1024, description, 6);
    event_batch kept;
    for (std::size_t frame = 0; frame < all.frames(); ++frame) {
      const bool arrives = (frame >= 5 && frame < 25) || (frame >= 2051 && frame < 2055);
      if (arrives) kept.indices.insert(kept.indices.end(), all.events(frame).begin(), all.events(frame).end());
      kept.indptr.push_back(kept.indices.size());
      kept.status.push_back(arrives ? all.status[frame] : std::uint8_t{0});
      kept.xrays.push_back(arrives ? all.xrays[frame] : 0);
    }
    const auto writer = create_event_store(path, description, {});
    test::put(*writer, kept);
    writer->finish();
  }
  const event_store_file file(path);
  ASSERT_TRUE(file.has_addresses());
  std::vector<io::chunk_place> places(3 * 1024);
  file.find_chunks(0, places);
  EXPECT_EQ(std::ranges::count_if(places, [](const io::chunk_place& place) { return place.bytes != 0; }), 24);
  expect_same(outcome_of(path, chunk_access::by_address), outcome_of(path, chunk_access::through_hdf5));
  EXPECT_THAT(verify_event_store(path), testing::IsEmpty());
}

TEST_F(addressed_chunks, that_never_arrived_have_no_index_at_all) {
  const store_description description = description_of({16, 24}, {3, 4, 1});
  create_event_store(path, description, {})->finish();
  expect_same(outcome_of(path, chunk_access::by_address), outcome_of(path, chunk_access::through_hdf5));
}

TEST_F(addressed_chunks, of_several_frames_a_position_and_of_wide_counts) {
  const store_description description = description_of({16, 24}, {5, 7, 40});
  const event_batch written = test::write_store(path, description, {.wide_counts = true}, 1000, 6);
  EXPECT_TRUE(event_store_file(path).has_addresses());
  test::expect_equal(outcome_of(path, chunk_access::by_address, 2).events, written);
}

TEST_F(addressed_chunks, are_not_sought_while_a_store_is_written) {
  const store_description description = description_of({16, 24}, {3, 4, 1});
  const auto writer = create_event_store(path, description, {});
  test::put(*writer, test::random_batch(0, 2, description, 6));
  const auto file = io::file_handle::open_read(path.string() + ".part");
  EXPECT_FALSE(io::metadata_file::open(file)) << "its superblock tells that a writer has it open";
}

/// One store, whose bytes are damaged in turn.
class damaged_index : public addressed_chunks {
 protected:
  void expect_answers_of_hdf5_for_each_byte(std::uint64_t first, std::uint64_t count, char change, std::uint64_t step = 1) {
    const whole_file whole = contents_of(path);
    ASSERT_LE(first + count, whole.size());
    for (std::uint64_t at = first; at < first + count; at += step) {
      put_byte(path, at, static_cast<char>(whole[at] ^ change));
      SCOPED_TRACE("byte " + std::to_string(at - first) + " from " + std::to_string(first));
      const outcome by_hdf5 = outcome_of(path, chunk_access::through_hdf5);
      refused_ += by_hdf5.sentence.empty() ? 0 : 1;
      expect_same(outcome_of(path, chunk_access::by_address), by_hdf5);
      put_byte(path, at, whole[at]);
    }
  }

  /// How many damages HDF5 refused.
  int refused_ = 0;
};

constexpr std::uint64_t header_bytes = 28;

TEST_F(damaged_index, is_read_as_by_hdf5) {
  write({3, 4, 1}, 6);
  const whole_file whole = contents_of(path);
  expect_answers_of_hdf5_for_each_byte(place_of(whole, "FAHD"), header_bytes, 0x04);
  EXPECT_GT(refused_, 20);
  refused_ = 0;
  expect_answers_of_hdf5_for_each_byte(place_of(whole, "FADB"), 14 + 12 * (8 + 3 + 4) + 4, 0x04);
  EXPECT_GT(refused_, 150);
}

TEST_F(damaged_index, of_several_pages_is_read_as_by_hdf5) {
  write({2, 1024, 1}, 2);
  const whole_file whole = contents_of(path);
  const std::uint64_t block = place_of(whole, "FADB");
  expect_answers_of_hdf5_for_each_byte(block, 14 + 1 + 4, 0x40);  // the second page's bit, too
  expect_answers_of_hdf5_for_each_byte(block + 19, 2 * (1024 * 15 + 4), 0x01, 977);
  EXPECT_GT(refused_, 40);
}

TEST_F(damaged_index, does_not_hide_behind_damaged_headers) {
  write({3, 4, 1}, 6);
  const whole_file whole = contents_of(path);
  expect_answers_of_hdf5_for_each_byte(0, 48, 0x02);  // the superblock
  // Every object header: one of them is the dataset's.
  std::uint64_t headers = 0;
  for (const std::string_view signature : {"OHDR", "OCHK"}) {
    auto from = whole.begin();
    while ((from = std::search(from, whole.end(), signature.begin(), signature.end())) != whole.end()) {
      expect_answers_of_hdf5_for_each_byte(static_cast<std::uint64_t>(from - whole.begin()), 40, 0x01, 3);
      ++from;
      ++headers;
    }
  }
  EXPECT_GT(headers, 5U);
}

/// A right checksum, as a forger would put it.
void sign(const std::filesystem::path& path, std::uint64_t first, std::uint64_t count) {
  const whole_file whole = contents_of(path);
  const std::uint32_t sum = io::metadata_checksum({reinterpret_cast<const std::uint8_t*>(whole.data()) + first, count});
  for (unsigned i = 0; i < 4; ++i) put_byte(path, first + count + i, static_cast<char>(sum >> (8 * i)));
}

/// Entries with right checksums that lead to where the chunks of other frames lie, into them, and out of the file.
TEST_F(damaged_index, that_was_forged_gives_no_other_sentence) {
#ifdef __clang__
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "HDF5 reads beyond the memory of a chunk that unpacks to less than its index claims";
#endif
#endif
  write({3, 4, 1}, 6);
  const whole_file whole = contents_of(path);
  const std::uint64_t block = place_of(whole, "FADB");
  constexpr std::uint64_t entry_bytes = 15;
  constexpr std::uint64_t covered = 14 + 12 * entry_bytes;
  std::vector<std::string> sentences;
  for (std::uint64_t in_entry = 0; in_entry < entry_bytes; ++in_entry) {
    for (const char byte : {'\0', '\1', '\x40', '\xff'}) {
      const std::uint64_t at = block + 14 + 5 * entry_bytes + in_entry;
      SCOPED_TRACE("byte " + std::to_string(in_entry));
      put_byte(path, at, byte);
      sign(path, block, covered);
      const outcome by_hdf5 = outcome_of(path, chunk_access::through_hdf5);
      sentences.push_back(by_hdf5.sentence);
      expect_same(outcome_of(path, chunk_access::by_address), by_hdf5);
      put_byte(path, at, whole[at]);
    }
  }
  // Two entries exchanged.
  for (std::uint64_t i = 0; i < entry_bytes; ++i) {
    put_byte(path, block + 14 + 5 * entry_bytes + i, whole[block + 14 + 6 * entry_bytes + i]);
    put_byte(path, block + 14 + 6 * entry_bytes + i, whole[block + 14 + 5 * entry_bytes + i]);
  }
  sign(path, block, covered);
  const outcome exchanged = outcome_of(path, chunk_access::by_address);
  EXPECT_THAT(exchanged.sentence, testing::HasSubstr("frame 5: its chunk "));
  expect_same(exchanged, outcome_of(path, chunk_access::through_hdf5));
  EXPECT_THAT(sentences, testing::Contains(testing::HasSubstr("more than the file")));
}

/// The dataset of a store as another program would keep it.
void rewrite_data(const std::filesystem::path& path, const std::vector<hsize_t>& most) {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), "access");
  ASSERT_GE(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_LATEST), 0);
  const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, access), "store");
  const io::hdf5_handle from(H5Dopen2(file, "/electron_counts/data", H5P_DEFAULT), "data");
  const io::hdf5_handle space(H5Dget_space(from), "space");
  hsize_t extent[4] = {};
  H5Sget_simple_extent_dims(space, extent, nullptr);
  std::vector<std::uint8_t> dense(extent[0] * extent[1] * extent[2] * extent[3]);
  ASSERT_GE(H5Dread(from, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, dense.data()), 0);
  const io::hdf5_handle creation(H5Dget_create_plist(from), "creation");
  const io::hdf5_handle growing(H5Screate_simple(4, extent, most.data()), "space");
  const io::hdf5_handle made(H5Dcreate2(file, "/rewritten", H5T_STD_U8LE, growing, H5P_DEFAULT, creation, H5P_DEFAULT),
                             "rewritten");
  ASSERT_GE(H5Dwrite(made, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, dense.data()), 0);
  ASSERT_GE(H5Ldelete(file, "/electron_counts/data", H5P_DEFAULT), 0);
  ASSERT_GE(H5Lmove(file, "/rewritten", file, "/electron_counts/data", H5P_DEFAULT, H5P_DEFAULT), 0);
}

TEST_F(addressed_chunks, of_other_programs_are_read_by_hdf5) {
  struct form {
    const char* name;
    std::vector<hsize_t> most;
    bool addressed;
  };
  const hsize_t any = H5S_UNLIMITED;
  for (const form& of :
       {form{"fixed array", {3, 4, 16, 24}, true}, form{"fixed array with room", {5, 4, 16, 24}, false},
        form{"extensible array", {any, 4, 16, 24}, false}, form{"B-tree of version 2", {any, any, 16, 24}, false}}) {
    SCOPED_TRACE(of.name);
    const event_batch written = write({3, 4, 1}, 6);
    rewrite_data(path, of.most);
    EXPECT_EQ(event_store_file(path).has_addresses(), of.addressed);
    const outcome found = outcome_of(path, chunk_access::by_address);
    EXPECT_EQ(found.sentence, "");
    EXPECT_EQ(found.events.indices, written.indices);
    EXPECT_EQ(found.events.indptr, written.indptr);
  }
}

TEST_F(addressed_chunks, are_not_sought_in_files_of_older_forms) {
  {
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle made(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
  }
  EXPECT_FALSE(io::metadata_file::open(io::file_handle::open_read(path))) << "its superblock is of version 0";
  std::ofstream(path, std::ios::trunc) << "short";
  EXPECT_FALSE(io::metadata_file::open(io::file_handle::open_read(path)));
}

TEST_F(addressed_chunks, of_a_file_behind_a_user_block_are_read_by_hdf5) {
  const event_batch written = write({3, 4, 1}, 6);
  const whole_file whole = contents_of(path);
  {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << std::string(512, '#');
    out.write(whole.data(), static_cast<std::streamsize>(whole.size()));
  }
  const outcome by_hdf5 = outcome_of(path, chunk_access::through_hdf5);
  expect_same(outcome_of(path, chunk_access::by_address), by_hdf5);
}

/// The dataset may be behind a link to another file, whose bytes are not at the same addresses.
TEST_F(addressed_chunks, of_a_linked_file_are_read_by_hdf5) {
  const event_batch written = write({3, 4, 1}, 6);
  const std::filesystem::path other = directory / "other.h5";
  test::write_store(other, description_of({16, 24}, {3, 4, 1}), {}, 5, 6);
  {
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "store");
    ASSERT_GE(H5Ldelete(file, "/electron_counts/data", H5P_DEFAULT), 0);
    ASSERT_GE(H5Lcreate_external("other.h5", "/electron_counts/data", file, "/electron_counts/data", H5P_DEFAULT, H5P_DEFAULT),
              0);
  }
  EXPECT_FALSE(event_store_file(path).has_addresses());
  test::expect_equal(outcome_of(path, chunk_access::by_address).events, written);
}

}  // namespace
}  // namespace countem
