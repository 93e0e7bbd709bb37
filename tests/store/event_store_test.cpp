#include <countem/event_store.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include <countem/error.hpp>

#include "io/hdf5/handle.hpp"
#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using test::description_of;
using test::expect_equal;
using test::put;
using test::random_batch;
using test::read_all;
using test::write_store;

std::vector<char> file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
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
  description.options = {
      counting_method::cluster, row_noise_method::none, background_method::frame, 2, 77, event_value::size, 2};
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
  EXPECT_EQ(read.options.row_noise, row_noise_method::none);
  EXPECT_EQ(read.options.background, background_method::frame);
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
    test::damage_chunk(path, description.scan, 11, offset);
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
  EXPECT_THROW((void)create_event_store(path, description, {}, {existing_file::kept, {}}), invalid_argument);
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
  EXPECT_THAT(verify_event_store(directory / "other.h5"), Contains(HasSubstr("is an HDF5 file of unknown contents")));
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
