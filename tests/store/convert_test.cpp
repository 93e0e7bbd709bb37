#include <countem/convert.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <countem/error.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/handle.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using test::read_all;
using test::write_store;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> exported(const std::filesystem::path& store, const std::filesystem::path& output, export_format form) {
  return export_events(*open_event_store(store), output, form);
}

template <class T>
std::vector<T> numbers(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

class convert_round_trip : public testing::TestWithParam<export_format> {};

TEST_P(convert_round_trip, every_event_comes_back) {
  const test::temporary_directory directory;
  // The last has more events than are imported in one go.
  for (const scan_shape scan : {scan_shape{6, 10, 1}, scan_shape{3, 4, 3}, scan_shape{128, 130, 1}}) {
    const event_batch expected = write_store(directory / "counted.h5", description_of({32, 48}, scan), {});
    EXPECT_THAT(exported(directory / "counted.h5", directory / "other.h5", GetParam()),
                testing::Contains(HasSubstr("never arrived")));
    import_events(directory / "other.h5", directory / "back.h5", {});
    const event_batch back = read_all(directory / "back.h5");
    EXPECT_EQ(back.indptr, expected.indptr);
    EXPECT_EQ(back.indices, expected.indices);
    EXPECT_EQ(open_event_store(directory / "back.h5")->description().scan, scan);
    EXPECT_THAT(verify_event_store(directory / "back.h5"), testing::IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(forms, convert_round_trip, testing::Values(export_format::stempy, export_format::csr));

TEST(convert, raw_csr_files_hold_the_merged_matrix) {
  const test::temporary_directory directory;
  const event_batch expected = write_store(directory / "counted.h5", description_of({32, 48}, {6, 10, 1}), {});
  EXPECT_THAT(exported(directory / "counted.h5", directory / "counted.toml", export_format::raw_csr),
              testing::Contains(HasSubstr("were merged")));
  const auto pointers = numbers<std::int64_t>(directory / "counted.indptr.raw");
  const auto indices = numbers<std::int32_t>(directory / "counted.indices.raw");
  const auto data = numbers<std::uint32_t>(directory / "counted.data.raw");
  ASSERT_EQ(pointers.size(), 61U);
  ASSERT_EQ(indices.size(), data.size());
  for (std::size_t frame = 0; frame < 60; ++frame) {
    std::vector<std::uint32_t> events;
    for (auto i = static_cast<std::size_t>(pointers[frame]); i < static_cast<std::size_t>(pointers[frame + 1]); ++i) {
      events.insert(events.end(), data[i], static_cast<std::uint32_t>(indices[i]));
    }
    EXPECT_TRUE(std::ranges::equal(events, expected.events(frame))) << frame;
  }
}

/// More frames than the exports read at a time, each with three events at pixels 0, 0 and 3.
constexpr std::uint32_t pair_frames = 2050;
void write_pairs(const std::filesystem::path& path, event_value values) {
  store_description description = description_of({2, 4}, {1, pair_frames, 1});
  description.options.values = values;
  event_batch batch;
  for (std::uint32_t frame = 0; frame < pair_frames; ++frame) {
    batch.indices.insert(batch.indices.end(), {0, 0, 3});
    batch.indptr.push_back(batch.indices.size());
    batch.status.push_back(all_sectors);
    batch.xrays.push_back(0);
  }
  if (values != event_value::none) batch.values.assign(batch.indices.size(), 7);
  const auto writer = create_event_store(path, description, {});
  test::put(*writer, batch);
  writer->finish();
}

constexpr const char* pairs_merged =
    "2050 events at pixels that had one already were merged into its entry, whose value counts them";

TEST(convert, notes_count_what_was_merged_and_name_what_was_left_out) {
  const test::temporary_directory directory;
  write_pairs(directory / "plain.h5", event_value::none);
  write_pairs(directory / "charges.h5", event_value::charge);
  const char* const values_lost = "the events' values were left out";
  for (const auto& [form, suffix] : {std::pair{export_format::csr, ".csr.h5"}, {export_format::raw_csr, ".toml"}}) {
    EXPECT_THAT(exported(directory / "plain.h5", directory / (std::string("plain") + suffix), form), ElementsAre(pairs_merged));
    EXPECT_THAT(exported(directory / "charges.h5", directory / (std::string("charges") + suffix), form),
                ElementsAre(pairs_merged, values_lost));
  }
  EXPECT_THAT(exported(directory / "plain.h5", directory / "plain.stempy.h5", export_format::stempy), testing::IsEmpty());
}

TEST(convert, raw_csr_pointers_rise_over_all_blocks) {
  const test::temporary_directory directory;
  write_pairs(directory / "counted.h5", event_value::none);
  (void)exported(directory / "counted.h5", directory / "counted.toml", export_format::raw_csr);
  const auto pointers = numbers<std::int64_t>(directory / "counted.indptr.raw");
  const auto indices = numbers<std::int32_t>(directory / "counted.indices.raw");
  const auto data = numbers<std::uint32_t>(directory / "counted.data.raw");
  ASSERT_EQ(pointers.size(), pair_frames + 1U);
  ASSERT_EQ(indices.size(), 2U * pair_frames);
  ASSERT_EQ(data.size(), indices.size());
  for (std::size_t frame = 0; frame <= pair_frames; ++frame) ASSERT_EQ(pointers[frame], static_cast<std::int64_t>(2 * frame));
  for (std::size_t entry = 0; entry < indices.size(); ++entry) {
    ASSERT_EQ(indices[entry], entry % 2 == 0 ? 0 : 3) << entry;
    ASSERT_EQ(data[entry], entry % 2 == 0 ? 2U : 1U) << entry;
  }
}

TEST(convert, dense_npy_holds_every_frame) {
  const test::temporary_directory directory;
  const event_batch expected = write_store(directory / "counted.h5", description_of({4, 8}, {2, 3, 1}), {});
  (void)exported(directory / "counted.h5", directory / "dense.npy", export_format::dense);
  const auto words = numbers<std::uint16_t>(directory / "dense.npy");
  ASSERT_EQ(words.size(), 64 + 6 * 32U);  // a header of 128 bytes
  for (std::size_t frame = 0; frame < 6; ++frame) {
    std::vector<std::uint16_t> dense(32);
    for (const std::uint32_t pixel : expected.events(frame)) ++dense[pixel];
    EXPECT_TRUE(std::equal(dense.begin(), dense.end(), words.begin() + 64 + static_cast<std::ptrdiff_t>(frame) * 32)) << frame;
  }
  EXPECT_THROW((void)exported(directory / "counted.h5", directory / "dense.tif", export_format::dense), invalid_argument);
}

TEST(convert, dense_hdf5_holds_every_frame_and_says_what_it_cut) {
  const test::temporary_directory directory;
  const store_description description = description_of({16, 16}, {2, 2, 3});
  const auto writer = create_event_store(directory / "counted.h5", description, {});
  event_batch batch = test::random_batch(0, 12, description, 5);
  batch.indices.insert(batch.indices.end(), 70'000, 255);  // of the last frame
  batch.indptr.back() += 70'000;
  test::put(*writer, batch);
  writer->finish();
  EXPECT_THAT(exported(directory / "counted.h5", directory / "dense.h5", export_format::dense),
              testing::Contains(HasSubstr("were cut off")));
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file(H5Fopen((directory / "dense.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "dense");
  std::vector<hsize_t> extent;
  const auto dense = io::read_dataset<std::uint16_t>(file, "data", &extent);
  EXPECT_EQ(extent, (std::vector<hsize_t>{2, 2, 3, 16, 16}));
  for (std::size_t frame = 0; frame < 12; ++frame) {
    std::vector<std::uint32_t> expected(256);
    for (const std::uint32_t pixel : batch.events(frame)) expected[pixel] = std::min(expected[pixel] + 1, 65'535U);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), dense.begin() + static_cast<std::ptrdiff_t>(frame) * 256))
        << frame;
  }
}

TEST(convert, exports_more_frames_than_the_store_reads_at_a_time) {
  const test::temporary_directory directory;
  const event_batch expected = write_store(directory / "counted.h5", description_of({16, 16}, {40, 70, 1}), {}, 100, 5);
  for (const export_format form : {export_format::stempy, export_format::csr}) {
    (void)exported(directory / "counted.h5", directory / "other.h5", form);
    import_events(directory / "other.h5", directory / "back.h5", {});
    EXPECT_EQ(read_all(directory / "back.h5").indices, expected.indices);
  }
}

/// A stempy file of version 1 (no version attribute) or 2: rows name their positions.
void write_old_stempy(const std::filesystem::path& path, std::int64_t version,
                      const std::vector<std::vector<std::uint32_t>>& rows, const std::vector<std::int64_t>& positions) {
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
  if (version > 1) io::write_attribute(file, "version", version);
  io::write_dataset(file, "electron_events/scan_positions", {positions.size()}, positions.data());
  const io::hdf5_handle scan(H5Dopen2(file, "electron_events/scan_positions", H5P_DEFAULT), "scan_positions");
  io::write_attribute(scan, "Nx", std::int64_t{3});
  io::write_attribute(scan, "Ny", std::int64_t{2});
  const io::hdf5_handle type(H5Tvlen_create(H5T_NATIVE_UINT32), "type");
  const hsize_t count = rows.size();
  const io::hdf5_handle space(H5Screate_simple(1, &count, nullptr), "space");
  const io::hdf5_handle frames(H5Dcreate2(file, "electron_events/frames", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                               "frames");
  std::vector<hvl_t> lists;
  for (const auto& row : rows) lists.push_back({row.size(), const_cast<std::uint32_t*>(row.data())});
  io::hdf5_check(H5Dwrite(frames, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, lists.data()), "frames");
  io::write_attribute(frames, "Nx", std::int64_t{4});
  io::write_attribute(frames, "Ny", std::int64_t{5});
}

TEST(convert, reads_stempy_version_1_and_2) {
  const test::temporary_directory directory;
  write_old_stempy(directory / "v1.h5", 1, {{1, 2, 2}, {}, {19}, {5}, {6}, {7, 3}}, {0, 1, 2, 3, 4, 5});
  import_events(directory / "v1.h5", directory / "v1_store.h5", {});
  const event_batch v1 = read_all(directory / "v1_store.h5");
  EXPECT_THAT(v1.indices, testing::ElementsAre(1, 2, 2, 19, 5, 6, 3, 7));
  EXPECT_EQ(v1.indptr, (std::vector<std::uint64_t>{0, 3, 3, 4, 5, 6, 8}));

  // Position 4 comes twice, position 1 never.
  write_old_stempy(directory / "v2.h5", 2, {{1}, {8}, {2}, {3}, {9, 9}, {4}}, {0, 4, 2, 3, 4, 5});
  import_events(directory / "v2.h5", directory / "v2_store.h5", {});
  const auto store = open_event_store(directory / "v2_store.h5");
  EXPECT_EQ(store->description().scan, (scan_shape{2, 3, 2}));
  EXPECT_EQ(store->counts()[2], not_written);
  EXPECT_EQ(store->counts()[8], 1U);
  EXPECT_EQ(store->counts()[9], 2U);
}

TEST(convert, says_what_is_wrong_with_a_file) {
  const test::temporary_directory directory;
  std::ofstream(directory / "text.h5") << "no HDF5";
  EXPECT_THROW(import_events(directory / "absent.h5", directory / "x.h5", {}), io_error);
  EXPECT_THROW(import_events(directory / "text.h5", directory / "x.h5", {}), error);
  write_old_stempy(directory / "outside.h5", 2, {{20}}, {0});
  EXPECT_THROW(import_events(directory / "outside.h5", directory / "x.h5", {}), format_error);
  write_old_stempy(directory / "position.h5", 2, {{2}}, {6});
  EXPECT_THROW(import_events(directory / "position.h5", directory / "x.h5", {}), format_error);
  write_store(directory / "store.h5", description_of({4, 4}, {1, 2, 1}), {});
  EXPECT_THROW(import_events(directory / "store.h5", directory / "x.h5", {}), format_error);
  EXPECT_FALSE(std::filesystem::exists(directory / "x.h5"));
  EXPECT_THROW((void)export_format_from("tiff"), invalid_argument);
}

}  // namespace
}  // namespace countem
