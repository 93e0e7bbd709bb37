#include <countem/event_store.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"
#include "io/store/chunk.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using test::description_of;
using test::put;
using test::random_batch;
using test::read_all;
using test::write_store;

void expect_equal(const event_batch& read, const event_batch& expected) {
  EXPECT_EQ(read.indptr, expected.indptr);
  EXPECT_EQ(read.indices, expected.indices);
  EXPECT_EQ(read.values, expected.values);
  EXPECT_EQ(read.xrays, expected.xrays);
  EXPECT_EQ(read.status, expected.status);
}

std::vector<char> file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Overwrites one byte of a frame's chunk, `offset` from its start or, if negative, from its end.
void damage_chunk(const std::filesystem::path& path, hsize_t row, hsize_t column, std::int64_t offset) {
  const auto lock = io::hdf5_lock();
  haddr_t address = 0;
  hsize_t size = 0;
  {
    const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file");
    const io::hdf5_handle data(H5Dopen2(file, "/electron_counts/data", H5P_DEFAULT), "data");
    const hsize_t where[4] = {row, column, 0, 0};
    unsigned mask = 0;
    ASSERT_GE(H5Dget_chunk_info_by_coord(data, where, &mask, &address, &size), 0);
  }
  std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto at = static_cast<std::streamoff>(offset < 0 ? address + size : address) + offset;
  out.seekg(at);
  const int byte = out.get();
  out.seekp(at);
  out.put(static_cast<char>(byte ^ 0x10));
}

struct layout_case {
  const char* name;
  scan_shape scan;
  bool wide;
  bool fast;
  event_value values;
};

class event_store_round_trip : public testing::TestWithParam<layout_case> {};

TEST_P(event_store_round_trip, gives_back_every_event_and_fact) {
  const layout_case& tried = GetParam();
  const test::temporary_directory directory;
  store_description description = description_of({32, 48}, tried.scan);
  description.options.values = tried.values;
  const std::filesystem::path path = directory / "counted.h5";
  const event_batch expected = write_store(path, description, {tried.wide, tried.fast});
  expect_equal(read_all(path), expected);
  EXPECT_THAT(verify_event_store(path), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(directory / "counted.h5.part"));

  const auto store = open_event_store(path);
  for (std::uint64_t frame = 0; frame < store->frames(); ++frame) {
    const std::uint64_t events = expected.indptr[frame + 1] - expected.indptr[frame];
    EXPECT_EQ(store->counts()[frame], expected.status[frame] == 0 ? not_written : events) << frame;
  }
}

INSTANTIATE_TEST_SUITE_P(layouts, event_store_round_trip,
                         testing::Values(layout_case{"plain", {5, 7, 1}, false, false, event_value::none},
                                         layout_case{"one_frame", {1, 1, 1}, false, false, event_value::none},
                                         layout_case{"long", {20, 20, 1}, false, false, event_value::none},
                                         layout_case{"repeats", {4, 3, 5}, false, false, event_value::none},
                                         layout_case{"wide", {5, 7, 1}, true, false, event_value::none},
                                         layout_case{"fast", {5, 7, 1}, false, true, event_value::none},
                                         layout_case{"values", {5, 7, 1}, false, false, event_value::charge},
                                         layout_case{"everything", {4, 3, 2}, true, true, event_value::size}),
                         [](const auto& tried) { return std::string(tried.param.name); });

TEST(event_store, keeps_its_description) {
  const test::temporary_directory directory;
  store_description description = description_of({6, 8}, {2, 3, 1});
  description.options = {counting_method::cluster, row_noise_method::median, 2, 77, event_value::size, 2};
  description.calibrated.shape = {3, 4};
  description.calibrated.dark16.assign(12, 320);
  description.calibrated.fit = noise_fit{};
  description.calibrated.fit->seed = 42;
  description.calibrated.fit->histogram = {1, 2, 3};
  const std::filesystem::path path = directory / "counted.h5";
  write_store(path, description, {});
  const auto store = open_event_store(path);
  const store_description& read = store->description();
  EXPECT_EQ(read.shape, description.shape);
  EXPECT_EQ(read.scan, description.scan);
  EXPECT_EQ(read.options.method, counting_method::cluster);
  EXPECT_EQ(read.options.row_noise, row_noise_method::median);
  EXPECT_EQ(read.options.min_cluster_size, 2U);
  EXPECT_EQ(read.options.max_cluster_size, 77U);
  EXPECT_EQ(read.options.values, event_value::size);
  EXPECT_EQ(read.options.upsample, 2U);
  EXPECT_EQ(read.calibrated.dark16, description.calibrated.dark16);
  ASSERT_TRUE(read.calibrated.fit.has_value());
  EXPECT_EQ(read.calibrated.fit->histogram, description.calibrated.fit->histogram);
  EXPECT_EQ(read.provenance, description.provenance);
}

TEST(event_store, has_the_same_bytes_for_any_batch_size) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {10, 30, 1});
  write_store(directory / "ones.h5", description, {}, 1);
  write_store(directory / "sevens.h5", description, {}, 7);
  write_store(directory / "all.h5", description, {}, 300);
  const std::vector<char> bytes = file_bytes(directory / "ones.h5");
  EXPECT_EQ(bytes, file_bytes(directory / "sevens.h5"));
  EXPECT_EQ(bytes, file_bytes(directory / "all.h5"));
}

TEST(event_store, reads_any_part_with_any_number_of_threads) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {20, 20, 1});
  const std::filesystem::path path = directory / "counted.h5";
  const event_batch all = write_store(path, description, {});
  expect_equal(read_all(path, 1), all);
  expect_equal(read_all(path, 3), all);
  const auto store = open_event_store(path);
  event_batch part;
  store->read(7, 2, part);
  ASSERT_EQ(part.frames(), 2U);
  EXPECT_EQ(part.first_frame, 7U);
  EXPECT_TRUE(std::ranges::equal(part.events(0), all.events(7)));
  EXPECT_TRUE(std::ranges::equal(part.events(1), all.events(8)));
  store->read(400, 0, part);
  EXPECT_EQ(part.frames(), 0U);
  EXPECT_THROW(store->read(399, 2, part), invalid_argument);
}

TEST(event_store, keeps_multiplicities_that_the_dense_view_cuts) {
  const test::temporary_directory directory;
  const store_description description = description_of({10, 10}, {1, 2, 1});
  event_batch batch;
  batch.indices.assign(1000, 7);
  batch.indices.push_back(99);
  batch.indptr = {0, 1001, 1001};
  batch.status = {0x0f, 0x0f};
  batch.xrays = {0, 0};
  const std::filesystem::path path = directory / "counted.h5";
  const auto writer = create_event_store(path, description, {});
  put(*writer, batch);
  writer->finish();
  expect_equal(read_all(path), batch);
  EXPECT_THAT(verify_event_store(path), IsEmpty());
}

TEST(event_store, holds_frames_of_sixteen_million_pixels) {
  const test::temporary_directory directory;
  const store_description description = description_of({4096, 4096}, {1, 2, 1});
  const std::filesystem::path path = directory / "counted.h5";
  const event_batch expected = write_store(path, description, {}, 2, 3000);
  expect_equal(read_all(path), expected);
}

TEST(event_store, names_the_frame_whose_chunk_is_damaged) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {5, 7, 1});
  for (const std::int64_t offset :
       {std::int64_t{0}, std::int64_t{30}, std::int64_t{-49}, std::int64_t{-20}, std::int64_t{-1}}) {
    const std::filesystem::path path = directory / "damaged.h5";
    write_store(path, description, {});
    damage_chunk(path, 1, 4, offset);  // frame 11
    SCOPED_TRACE(testing::Message() << "offset " << offset);
    EXPECT_THAT(verify_event_store(path), ElementsAre(HasSubstr("frame 11")));
    try {
      read_all(path);
      ADD_FAILURE() << "the damage went unseen";
    } catch (const format_error& reason) {
      EXPECT_THAT(reason.what(), HasSubstr("frame 11"));
    }
    event_batch others;
    open_event_store(path)->read(12, 20, others);
    EXPECT_EQ(others.frames(), 20U);
  }
}

TEST(event_store, verify_compares_counts_with_the_data) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "counted.h5";
  write_store(path, description_of({32, 48}, {5, 7, 1}), {});
  {
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "file");
    const io::hdf5_handle counts(H5Dopen2(file, "/electron_counts/counts", H5P_DEFAULT), "counts");
    std::vector<std::uint32_t> values(35);
    H5Dread(counts, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    values[20] += 1;
    values[21] = not_written;
    H5Dwrite(counts, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }
  EXPECT_THAT(verify_event_store(path),
              testing::IsSupersetOf({HasSubstr("frame 20: the number of events"), HasSubstr("frame 21: data is stored")}));
}

TEST(event_store, reads_files_that_h5repack_rewrote) {
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

/// Such frames are inflated and compared by pieces, so that memory stays what it is for ordinary ones.
TEST(event_store, verifies_and_reads_frames_larger_than_a_piece) {
  const test::temporary_directory directory;
  const std::filesystem::path path = directory / "counted.h5";
  const store_description description = description_of({9001, 9000}, {1, 2, 1});
  ASSERT_GT(description.shape.pixels(), io::largest_piece);
  const event_batch expected = write_store(path, description, {}, 2, 2000);
  EXPECT_THAT(verify_event_store(path), IsEmpty());
  if (std::system("command -v h5repack > /dev/null") != 0) GTEST_SKIP() << "h5repack of hdf5-tools is not installed";
  for (const char* filter : {"GZIP=1", "SHUF -f /electron_counts/data:GZIP=1"}) {
    const std::filesystem::path repacked = directory / "repacked.h5";
    const std::string command = "h5repack -f /electron_counts/data:" + std::string(filter) + " ";
    ASSERT_EQ(std::system((command + path.string() + " " + repacked.string()).c_str()), 0) << command;
    SCOPED_TRACE(command);
    expect_equal(read_all(repacked), expected);
  }
}

TEST(event_store, says_what_is_wrong_with_streams_of_large_frames) {
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

TEST(event_store, is_a_plain_file_to_h5dump) {
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

TEST(event_store, an_unfinished_run_leaves_the_target_alone) {
  const test::temporary_directory directory;
  const store_description description = description_of({32, 48}, {5, 7, 1});
  const std::filesystem::path path = directory / "counted.h5";
  const event_batch first = write_store(path, description, {});
  {
    const auto writer = create_event_store(path, description, {});
    put(*writer, random_batch(0, 10, description, 5));
    EXPECT_EQ(writer->abandon(), directory / "counted.h5.part");
    EXPECT_THROW(put(*writer, random_batch(10, 10, description, 5)), invalid_argument);
  }
  expect_equal(read_all(path), first);
  const auto part = open_event_store(directory / "counted.h5.part");
  EXPECT_EQ(part->counts()[10], not_written);
  EXPECT_THAT(verify_event_store(directory / "counted.h5.part"), IsEmpty());
}

TEST(event_store, overwrites_only_when_told) {
  const test::temporary_directory directory;
  const store_description description = description_of({4, 4}, {1, 2, 1});
  const std::filesystem::path path = directory / "counted.h5";
  write_store(path, description, {});
  EXPECT_THROW((void)create_event_store(path, description, {false, false, false}), io_error);
  write_store(path, description, {});
}

TEST(event_store, says_what_is_wrong_with_a_file) {
  const test::temporary_directory directory;
  EXPECT_THROW((void)open_event_store(directory / "absent.h5"), io_error);
  EXPECT_THROW((void)open_event_store(directory.path()), io_error);
  std::ofstream(directory / "text.h5") << "not HDF5";
  EXPECT_THROW((void)open_event_store(directory / "text.h5"), format_error);
  {
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file(H5Fcreate((directory / "other.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
  }
  EXPECT_THROW((void)open_event_store(directory / "other.h5"), format_error);
  EXPECT_THAT(verify_event_store(directory / "other.h5"), Contains(HasSubstr("/electron_counts")));
  EXPECT_THROW((void)create_event_store(directory / "no_folder" / "x.h5", description_of({4, 4}, {1, 1, 1}), {}), io_error);
  EXPECT_THROW((void)create_event_store(directory / "x.h5", description_of({4, 4}, {0, 1, 1}), {}), invalid_argument);
  EXPECT_THROW((void)create_event_store(directory / "x.h5", description_of({0, 4}, {1, 1, 1}), {}), invalid_argument);
  EXPECT_THROW((void)create_event_store(directory / "x.h5", description_of({65536, 65535}, {1, 1, 1}), {true}),
               invalid_argument);
}

TEST(event_store, refuses_events_it_cannot_keep) {
  const test::temporary_directory directory;
  const store_description description = description_of({4, 4}, {1, 2, 1});
  const auto writer = create_event_store(directory / "x.h5", description, {});
  event_batch batch;
  batch.indices = {16};
  batch.indptr = {0, 1};
  batch.status = {0x0f};
  batch.xrays = {0};
  EXPECT_THROW((void)writer->encode(batch), invalid_argument);  // not observed
  writer->observe(batch);
  EXPECT_THROW((void)writer->encode(batch), invalid_argument);  // outside the frame
  batch.indices = {15};
  writer->write(*writer->encode(batch));
  batch.indices.assign(40'000, 15);
  batch.indptr = {0, 40'000};
  EXPECT_THROW((void)writer->encode(batch),
               invalid_argument);  // 80,000 bytes: HDF5 keeps sizes of such small chunks in 16 bits
  batch.indices = {15};
  batch.indptr = {0, 1};
  store_description shorter = description;
  shorter.scan = {1, 1, 1};
  const auto other = create_event_store(directory / "y.h5", shorter, {});
  batch.indptr.push_back(1);
  batch.status.push_back(0x0f);
  batch.xrays.push_back(0);
  other->observe(batch);
  EXPECT_THROW(other->write(*other->encode(batch)), invalid_argument);  // beyond the scan
}

}  // namespace
}  // namespace countem
