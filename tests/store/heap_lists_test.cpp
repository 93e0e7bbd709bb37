// Lists of variable length read from the bytes of a file, against what was written through HDF5.
#include "io/hdf5/heap_lists.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "io/hdf5/handle.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

using lists = std::vector<std::vector<std::uint32_t>>;

struct stored_form {
  hid_t type = H5T_STD_U32LE;
  hsize_t chunk = 0;  // 0: contiguous
  hsize_t user_block = 0;
};

void write_lists(const std::filesystem::path& path, const lists& values, const stored_form& form = {}) {
  const auto lock = hdf5_lock();
  const hdf5_handle file_creation(H5Pcreate(H5P_FILE_CREATE), "file");
  hdf5_check(H5Pset_userblock(file_creation, form.user_block), "user block");
  const hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, file_creation, H5P_DEFAULT), "file");
  const hdf5_handle stored(H5Tvlen_create(form.type), "type");
  const hdf5_handle memory(H5Tvlen_create(H5T_NATIVE_UINT32), "type");
  const hsize_t count = values.size();
  const hdf5_handle space(H5Screate_simple(1, &count, nullptr), "space");
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "lists");
  if (form.chunk != 0) hdf5_check(H5Pset_chunk(creation, 1, &form.chunk), "chunk");
  const hdf5_handle dataset(H5Dcreate2(file, "lists", stored, space, H5P_DEFAULT, creation, H5P_DEFAULT), "lists");
  std::vector<hvl_t> given;
  for (const auto& list : values) given.push_back({list.size(), const_cast<std::uint32_t*>(list.data())});
  hdf5_check(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, given.data()), "lists");
}

/// Opened as importers do.
struct opened_lists {
  explicit opened_lists(const std::filesystem::path& path)
      : file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file"),
        dataset(H5Dopen2(file, "lists", H5P_DEFAULT), "lists") {}
  hdf5_handle file;
  hdf5_handle dataset;
};

/// Lists that share heaps, that fill some, and that are larger than what is read at once.
lists many_lists() {
  lists made;
  for (std::uint32_t i = 0; i < 700; ++i) {
    const std::uint32_t length = i % 100 == 99 ? 50'000 : i % 7 == 0 ? 0 : i % 5 == 0 ? 900 + i : i % 9 + 1;
    made.emplace_back(length);
    std::iota(made.back().begin(), made.back().end(), i * 10);
  }
  return made;
}

TEST(heap_lists, are_those_that_were_written) {
  const test::temporary_directory directory;
  const lists values = many_lists();
  write_lists(directory / "lists.h5", values);
  const opened_lists opened(directory / "lists.h5");
  const std::optional<heap_lists> found = heap_lists::open(opened.dataset);
  ASSERT_TRUE(found);
  number_lists read;
  for (const auto& part :
       std::vector<std::pair<std::size_t, std::size_t>>{{0, 700}, {0, 1}, {99, 1}, {650, 50}, {13, 500}, {700, 0}}) {
    ASSERT_TRUE(found->read(part.first, part.second, 0xffff'ffff, read));
    ASSERT_EQ(read.ends.size(), part.second);
    for (std::size_t i = 0; i < part.second; ++i) EXPECT_TRUE(std::ranges::equal(read.list(i), values[part.first + i])) << i;
  }
  EXPECT_FALSE(found->read(650, 51, 0xffff'ffff, read));
  EXPECT_FALSE(found->read(0, 700, 56'988, read));  // list 699 ends with 6,990 + 49,999
  EXPECT_TRUE(found->read(0, 700, 56'989, read));
}

TEST(heap_lists, of_other_forms_are_left_to_hdf5) {
  const test::temporary_directory directory;
  const lists values{{1, 2}, {3}};
  for (const stored_form& form : {stored_form{H5T_STD_U32BE}, stored_form{H5T_STD_I32LE}, stored_form{H5T_STD_U64LE},
                                  stored_form{H5T_STD_U32LE, 1}, stored_form{H5T_STD_U32LE, 0, 512}}) {
    write_lists(directory / "lists.h5", values, form);
    EXPECT_FALSE(heap_lists::open(opened_lists(directory / "lists.h5").dataset));
  }
}

TEST(heap_lists, that_contradict_the_file_are_not_read) {
  const test::temporary_directory directory;
  const lists values{{1, 2, 3, 4, 5}, {}, {6, 7}};
  write_lists(directory / "lists.h5", values);
  std::ifstream in(directory / "lists.h5", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  const std::size_t heap = whole.find("GCOL");
  ASSERT_NE(heap, std::string::npos);
  // The first place: its length, then the address of the heap, then number 1.
  std::string place{"\5\0\0\0", 4};
  place.append(reinterpret_cast<const char*>(&heap), sizeof heap).append("\1\0\0\0", 4);
  const std::size_t places = whole.find(place);
  ASSERT_NE(places, std::string::npos);
  const auto read_with = [&](std::size_t at, char byte) {
    std::string damaged = whole;
    damaged[at] = byte;
    std::ofstream(directory / "damaged.h5", std::ios::binary) << damaged;
    const opened_lists opened(directory / "damaged.h5");
    number_lists read;
    const std::optional<heap_lists> found = heap_lists::open(opened.dataset);
    return found && found->read(0, 3, 0xffff'ffff, read);
  };
  EXPECT_TRUE(read_with(heap, 'G'));
  EXPECT_FALSE(read_with(heap, 'X'));             // signature
  EXPECT_FALSE(read_with(heap + 4, 2));           // version
  EXPECT_FALSE(read_with(heap + 15, 1));          // bytes of the heap, beyond the file
  EXPECT_FALSE(read_with(heap + 8, 8));           // less than its own header
  EXPECT_FALSE(read_with(heap + 16, 9));          // number of the first object
  EXPECT_FALSE(read_with(heap + 16 + 8, 16));     // bytes of the first object: fewer than the list's
  EXPECT_FALSE(read_with(heap + 16 + 15, 0x7f));  // far more than the heap has
  EXPECT_FALSE(read_with(places, 6));             // length, more than the object has
  EXPECT_FALSE(read_with(places + 3, 0x7f));      // more than the file has
  EXPECT_FALSE(read_with(places + 4 + 7, 1));     // address of the heap, beyond the file
  EXPECT_FALSE(read_with(places + 4 + 8, 7));     // number of an object that is not there
  for (std::size_t at = heap; at < heap + 128; ++at) (void)read_with(at, static_cast<char>(0xff));
}

}  // namespace
}  // namespace countem::io
