// Columns of HDF5 whose chunks all threads pack and unpack, against HDF5 doing the same.
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include <countem/error.hpp>

#include "io/convert/column_reader.hpp"
#include "io/convert/deflated_columns.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/packed_chunks.hpp"
#include "io/hdf5/storage.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

hdf5_handle new_file(const std::filesystem::path& path) {
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file"};
}

template <class T>
std::vector<T> values_of(std::size_t count) {
  std::vector<T> values(count);
  std::uint64_t state = 18;
  for (T& value : values) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    value = static_cast<T>(state >> 44U);  // 20 bits
  }
  return values;
}

template <class T>
void expect_written(std::size_t count) {
  const test::temporary_directory directory;
  const auto lock = hdf5_lock();
  const hdf5_handle file = new_file(directory / "columns.h5");
  const std::vector<T> values = values_of<T>(count);
  column_chunks chunks;
  growing_dataset<T> column(file, "values", chunks);
  growing_dataset<T> other(file, "others", chunks);
  for (std::size_t first = 0; first < count;) {  // in pieces of many sizes
    const std::size_t piece = std::min(count - first, first % 300'007 + 1);
    column.append(std::span(values).subspan(first, piece));
    first += piece;
  }
  EXPECT_EQ(column.size(), count);
  column.close();
  other.close();
  EXPECT_EQ(read_dataset<T>(file, "values"), values);
  EXPECT_TRUE(read_dataset<T>(file, "others").empty());
}

TEST(columns, are_written_as_they_are) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, column_chunk, column_chunk + 1, 19 * column_chunk + 77})
    expect_written<std::uint32_t>(count);
  expect_written<std::uint64_t>(2 * column_chunk + 5);
}

constexpr hsize_t length = 1000;
constexpr hsize_t chunk = 64;

/// A column of `length` elements in chunks of `chunk`, with these filters.
hdf5_handle make_column_of(hid_t file, const char* name, hid_t type, const std::vector<H5Z_filter_t>& filters) {
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), name);
  hdf5_check(H5Pset_chunk(creation, 1, &chunk), name);
  const unsigned level = 4;
  for (const H5Z_filter_t filter : filters) {
    const bool deflates = filter == H5Z_FILTER_DEFLATE;
    hdf5_check(H5Pset_filter(creation, filter, H5Z_FLAG_MANDATORY, deflates ? 1 : 0, deflates ? &level : nullptr), name);
  }
  const hdf5_handle space(H5Screate_simple(1, &length, nullptr), name);
  return {H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT), name};
}

/// What reading gives, or the error.
template <class Read>
std::pair<std::vector<std::uint32_t>, std::string> outcome(std::size_t count, const Read& read) {
  std::vector<std::uint32_t> to(count);
  try {
    read(std::span(to));
    return {to, ""};
  } catch (const error& reason) {
    return {{}, reason.what()};
  }
}

void expect_read_as_by_hdf5(hid_t file, const char* name, std::uint32_t highest = 0xffff'ffff) {
  column_reader column(open_dataset(file, name), name);
  const hdf5_handle dataset = open_dataset(file, name);
  EXPECT_EQ(column.length(), length);
  const std::vector<std::pair<std::uint64_t, std::size_t>> parts{{0, 1000},  {0, 64},    {64, 64},  {63, 2},
                                                                 {100, 300}, {300, 300}, {599, 1},  {960, 40},
                                                                 {999, 1},   {1000, 0},  {990, 11}, {5, 0}};
  for (const auto& part : parts) {
    const std::uint64_t start = part.first;
    const auto ours = outcome(part.second, [&](std::span<std::uint32_t> to) { column.read(start, to, highest); });
    const auto theirs = outcome(part.second, [&](std::span<std::uint32_t> to) {
      read_slab<std::uint32_t>(dataset, {{start}, {to.size()}}, to, name, {.highest = highest});
    });
    EXPECT_EQ(ours, theirs) << name << " from " << start;
  }
}

TEST(columns, are_read_as_hdf5_reads_them) {
  const test::temporary_directory directory;
  const auto lock = hdf5_lock();
  const hdf5_handle file = new_file(directory / "columns.h5");
  const std::vector<std::uint32_t> values = values_of<std::uint32_t>(length);
  const std::vector<H5Z_filter_t> both{H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE};
  const auto fill = [&](const hdf5_handle& dataset) {
    hdf5_check(H5Dwrite(dataset, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "values");
  };
  fill(make_column_of(file, "both", H5T_STD_U32LE, both));
  fill(make_column_of(file, "signed", H5T_STD_I32LE, both));
  fill(make_column_of(file, "deflated", H5T_STD_U32LE, {H5Z_FILTER_DEFLATE}));
  fill(make_column_of(file, "shuffled", H5T_STD_U32LE, {H5Z_FILTER_SHUFFLE}));
  fill(make_column_of(file, "reversed", H5T_STD_U32LE, {H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE}));
  fill(make_column_of(file, "checked", H5T_STD_U32LE, {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE, H5Z_FILTER_FLETCHER32}));
  fill(make_column_of(file, "long", H5T_STD_I64LE, both));
  fill(make_column_of(file, "big", H5T_STD_U32BE, both));
  fill(make_column_of(file, "bare", H5T_STD_U32LE, {}));
  write_dataset(file, "contiguous", {length}, values.data());
  for (const char* name :
       {"both", "signed", "deflated", "shuffled", "reversed", "checked", "long", "big", "bare", "contiguous"}) {
    expect_read_as_by_hdf5(file, name);
    expect_read_as_by_hdf5(file, name, 900'000);  // some are above
  }
}

TEST(columns, leave_what_is_no_ordinary_chunk_to_hdf5) {
  const test::temporary_directory directory;
  const auto lock = hdf5_lock();
  const hdf5_handle file = new_file(directory / "columns.h5");
  const std::vector<std::uint32_t> values = values_of<std::uint32_t>(length);
  const std::vector<H5Z_filter_t> both{H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE};
  const auto write = [&](const hdf5_handle& dataset, hsize_t number, const std::vector<std::uint8_t>& bytes,
                         std::uint32_t skipped = 0) {
    const hsize_t place = number * chunk;
    hdf5_check(H5Dwrite_chunk(dataset, H5P_DEFAULT, skipped, &place, bytes.size(), bytes.data()), "chunk");
  };
  const auto* raw = reinterpret_cast<const std::uint8_t*>(values.data());
  const std::vector<std::uint8_t> bare(raw, raw + chunk * sizeof(std::uint32_t));
  const std::vector<std::uint8_t> packed = shuffle_and_deflate(bare, sizeof(std::uint32_t));

  write(make_column_of(file, "some chunks", H5T_STD_U32LE, both), 3, packed);
  write(make_column_of(file, "skipped filters", H5T_STD_U32LE, both), 0, bare, 3);
  std::vector<std::uint8_t> damaged = packed;
  damaged[damaged.size() / 2] ^= 0x10U;
  write(make_column_of(file, "damaged", H5T_STD_U32LE, both), 1, damaged);
  write(make_column_of(file, "cut short", H5T_STD_U32LE, both), 1, {packed.begin(), packed.end() - 9});
  for (const char* name : {"some chunks", "skipped filters", "damaged", "cut short"}) expect_read_as_by_hdf5(file, name);
}

/// A dataset of these axes is made by HDF5 and filled by write_all(): HDF5 reads the values back.
template <class T>
void expect_all_written(const std::vector<hsize_t>& extent, int deflate) {
  const test::temporary_directory directory;
  const hdf5_handle file = new_file(directory / "image.h5");
  write_dataset<T>(file, "image", extent, nullptr, deflate);
  const std::vector<T> values = values_of<T>(slab{{}, extent}.elements());
  hdf5_handle dataset = open_dataset(file, "image");
  write_all<T>(dataset, values, "image");
  dataset.close("image");
  std::vector<hsize_t> found;
  EXPECT_EQ(read_dataset<T>(file, "image", &found), values);
  EXPECT_EQ(found, extent);
}

TEST(whole_datasets, are_written_as_they_are) {
  expect_all_written<double>({1}, 1);
  expect_all_written<std::uint64_t>({150'001}, 1);    // chunks of 65,536, the last one not whole
  expect_all_written<double>({131, 77}, 1);           // of 64 rows
  expect_all_written<double>({65, 20'011}, 1);        // of less than a row's columns
  expect_all_written<std::uint32_t>({3, 70, 19}, 1);  // of three axes
  expect_all_written<double>({131, 77}, 0);           // contiguous
  expect_all_written<double>({0, 77}, 1);
}

TEST(whole_datasets, have_as_many_elements_as_are_given) {
  const test::temporary_directory directory;
  const hdf5_handle file = new_file(directory / "image.h5");
  write_dataset<double>(file, "image", {8, 9}, nullptr, 1);
  const hdf5_handle dataset = open_dataset(file, "image");
  EXPECT_THROW(write_all<double>(dataset, std::vector<double>(71), "image"), invalid_argument);
}

}  // namespace
}  // namespace countem::io
