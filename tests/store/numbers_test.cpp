// Numbers of HDF5 files of any type are taken as they are, or refused with their place and value: never converted by cutting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/hdf5/attribute.hpp"
#include "io/hdf5/dataset.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

class numbers : public testing::Test {
 protected:
  numbers() : file_(H5Fcreate((directory_ / "file.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file") {}

  template <class T>
  void put(const std::string& name, const std::vector<T>& values) {
    write_dataset(file_, name, {values.size()}, values.data());
  }
  template <class T>
  [[nodiscard]] std::vector<T> read(const std::string& name, const number_range<T>& expected = {}) const {
    return read_dataset<T>(file_, name, nullptr, 1 << 24, expected);
  }

  test::temporary_directory directory_;
  hdf5_handle file_;
};

TEST_F(numbers, that_fit_come_in_any_type) {
  put<std::int64_t>("wide", {0, 1, 255});
  EXPECT_THAT(read<std::uint8_t>("wide"), ElementsAre(0, 1, 255));
  EXPECT_THAT(read<std::uint32_t>("wide"), ElementsAre(0U, 1U, 255U));
  EXPECT_THAT(read<float>("wide"), ElementsAre(0, 1, 255));
  put<double>("whole", {-3.0, 0.0, 4294967295.0});
  EXPECT_THAT(read<std::int64_t>("whole"), ElementsAre(-3, 0, 4'294'967'295));
  put<double>("fractions", {0.1, -1e300, HUGE_VAL, 0});
  EXPECT_THAT(read<double>("fractions"), ElementsAre(0.1, -1e300, HUGE_VAL, 0));
  put<double>("tenth", {0.1, -HUGE_VAL});
  EXPECT_THAT(read<float>("tenth"), ElementsAre(0.1F, -HUGE_VALF));
}

TEST_F(numbers, that_do_not_fit_are_named) {
  put<std::int32_t>("negative", {5, 4, -1, 3});
  EXPECT_THAT([&] { (void)read<std::uint32_t>("negative"); },
              ThrowsMessage<format_error>("dataset negative: element 2 is -1; expected 0 to 4294967295"));
  EXPECT_THAT([&] { (void)read<std::uint64_t>("negative", {.highest = 10}); },
              ThrowsMessage<format_error>("dataset negative: element 2 is -1; expected 0 to 10"));
  put<double>("odd", {3.0, 3.7});
  EXPECT_THAT([&] { (void)read<std::uint32_t>("odd"); },
              ThrowsMessage<format_error>("dataset odd: element 1 is 3.7; expected a whole number from 0 to 4294967295"));
  put<std::uint32_t>("large", {255, 256});
  EXPECT_THAT([&] { (void)read<std::uint8_t>("large"); }, ThrowsMessage<format_error>(HasSubstr("element 1 is 256")));
  put<std::uint64_t>("largest", {~std::uint64_t{0}});
  EXPECT_THAT([&] { (void)read<std::int64_t>("largest"); },
              ThrowsMessage<format_error>(HasSubstr("element 0 is 18446744073709551615")));
  EXPECT_THAT([&] { (void)read<double>("largest"); }, ThrowsMessage<format_error>(HasSubstr("18446744073709551615")));
  put<double>("beyond", {1, 1e39});
  EXPECT_THAT([&] { (void)read<float>("beyond"); }, ThrowsMessage<format_error>(HasSubstr("element 1 is 1e+39")));
  put<double>("none", {std::nan("")});
  EXPECT_THAT([&] { (void)read<std::int64_t>("none"); }, ThrowsMessage<format_error>(HasSubstr("element 0 is nan")));
}

TEST_F(numbers, at_the_limits_of_their_types) {
  put<double>("edge", {0x1p63, -0x1p63});
  EXPECT_THAT([&] { (void)read<std::int64_t>("edge"); }, ThrowsMessage<format_error>(HasSubstr("element 0 is")));
  EXPECT_THAT([&] { (void)read<std::uint64_t>("edge"); }, ThrowsMessage<format_error>(HasSubstr("element 1 is")));
  put<double>("lowest", {-0x1p63});
  EXPECT_THAT(read<std::int64_t>("lowest"), ElementsAre(std::numeric_limits<std::int64_t>::min()));
  put<std::int64_t>("exact", {1 << 24, -(1 << 24)});
  EXPECT_THAT(read<float>("exact"), ElementsAre(0x1p24F, -0x1p24F));
  put<std::int64_t>("inexact", {(1 << 24) + 1});
  EXPECT_THROW((void)read<float>("inexact"), format_error);
}

TEST_F(numbers, of_the_right_type_are_held_to_the_range_too) {
  put<std::uint32_t>("indices", {0, 7, 8});
  EXPECT_THAT(read<std::uint32_t>("indices", {.highest = 8}), ElementsAre(0U, 7U, 8U));
  EXPECT_THAT([&] { (void)read<std::uint32_t>("indices", {.highest = 7}); },
              ThrowsMessage<format_error>("dataset indices: element 2 is 8; expected 0 to 7"));
  put<double>("factors", {1, std::nan("")});
  EXPECT_THROW((void)read<double>("factors", {.lowest = 0}), format_error);
  EXPECT_EQ(read<double>("factors").size(), 2U);
}

TEST_F(numbers, of_several_axes_are_named_by_their_place) {
  std::vector<std::int32_t> values(2 * 3 * 4, 1);
  values[1 * 12 + 2 * 4 + 3] = -9;
  write_dataset(file_, "cube", {2, 3, 4}, values.data());
  EXPECT_THAT([&] { (void)read<std::uint32_t>("cube"); }, ThrowsMessage<format_error>(HasSubstr("element (1, 2, 3) is -9")));
  const hdf5_handle cube(H5Dopen2(file_, "cube", H5P_DEFAULT), "cube");
  std::vector<std::uint32_t> box(2);
  EXPECT_THAT(
      [&] {
        read_slab<std::uint32_t>(cube, {{1, 2, 2}, {1, 1, 2}}, box, "cube");
      },
      ThrowsMessage<format_error>(HasSubstr("element (1, 2, 3) is -9")));
}

TEST_F(numbers, beyond_a_piece_come_in_order) {
  std::vector<std::int64_t> values((std::size_t{1} << 21) + 5);
  std::iota(values.begin(), values.end(), 0);
  put("long", values);
  const std::vector<std::uint32_t> read_back = read<std::uint32_t>("long");
  EXPECT_TRUE(std::equal(values.begin(), values.end(), read_back.begin(), read_back.end()));
  values.back() = -1;
  put("ends", values);
  EXPECT_THAT([&] { (void)read<std::uint32_t>("ends"); },
              ThrowsMessage<format_error>(HasSubstr("element " + std::to_string(values.size() - 1) + " is -1")));
}

TEST_F(numbers, are_read_of_truth_values_and_other_byte_orders_but_not_of_text) {
  const hdf5_handle truth(H5Tenum_create(H5T_NATIVE_INT8), "truth");
  for (const std::int8_t value : {std::int8_t{0}, std::int8_t{1}}) H5Tenum_insert(truth, value == 0 ? "FALSE" : "TRUE", &value);
  const hsize_t two = 2;
  const hdf5_handle space(H5Screate_simple(1, &two, nullptr), "space");
  const auto make = [&](const char* name, hid_t type, hid_t memory, const void* values) {
    const hdf5_handle made(H5Dcreate2(file_, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), name);
    hdf5_check(H5Dwrite(made, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), name);
  };
  const std::int8_t truths[] = {1, 0};
  make("truth", truth, truth, truths);
  EXPECT_THAT(read<std::uint8_t>("truth"), ElementsAre(1, 0));
  const std::int32_t big[] = {-2, 258};
  make("big", H5T_STD_I16BE, H5T_NATIVE_INT32, big);
  EXPECT_THAT(read<std::int32_t>("big"), ElementsAre(-2, 258));
  EXPECT_THROW((void)read<std::uint32_t>("big"), format_error);
  const hdf5_handle text(H5Tcopy(H5T_C_S1), "text");
  make("text", text, text, "ab");
  EXPECT_THAT([&] { (void)read<std::uint8_t>("text"); }, ThrowsMessage<format_error>(HasSubstr("numbers of up to 64 bits")));
}

TEST_F(numbers, of_attributes_are_taken_as_they_are) {
  write_attribute(file_, "negative", std::int64_t{-1});
  write_attribute(file_, "none", std::nan(""));
  write_attribute(file_, "huge", 1e300);
  write_attribute(file_, "whole", 12.0);
  for (const char* name : {"negative", "none", "huge"}) {
    EXPECT_THAT([&] { (void)read_number_attribute<std::uint64_t>(file_, name); },
                ThrowsMessage<format_error>(AllOf(HasSubstr("attribute "), HasSubstr(name), HasSubstr("; expected"))));
  }
  EXPECT_EQ(read_number_attribute<std::uint64_t>(file_, "whole"), 12U);
  EXPECT_THROW((void)read_number_attribute<std::uint32_t>(file_, "whole", {.highest = 11}), format_error);
  EXPECT_EQ(read_number_attribute<double>(file_, "huge"), 1e300);
}

TEST_F(numbers, that_only_an_extent_claims_take_no_memory) {
  const hsize_t extent = hsize_t{1} << 40;
  const hdf5_handle space(H5Screate_simple(1, &extent, nullptr), "space");
  const hdf5_handle made(H5Dcreate2(file_, "empty", H5T_STD_U8LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "empty");
  EXPECT_THAT([&] { (void)read_dataset<std::uint8_t>(file_, "empty", nullptr, ~std::uint64_t{0}); },
              ThrowsMessage<format_error>(HasSubstr("stores only 0")));
}

/// A binsparse matrix of two frames of 2 x 2 pixels, one number of which is replaced.
class csr_file : public testing::Test {
 protected:
  template <class Pointer = std::uint64_t, class Index = std::uint32_t, class Value = std::uint32_t>
  std::string imported(const std::vector<Pointer>& pointers, const std::vector<Index>& indices,
                       const std::vector<Value>& values) {
    {
      const hdf5_handle file(H5Fcreate(path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
      write_attribute(file, "binsparse", R"({"binsparse": {"format": "CSR"}})");
      for (const char* name : {"height", "width", "scan_width"}) write_attribute(file, name, std::int64_t{2});
      for (const char* name : {"scan_height", "frames_per_position"}) write_attribute(file, name, std::int64_t{1});
      write_dataset(file, "pointers_to_1", {pointers.size()}, pointers.data());
      write_dataset(file, "indices_1", {indices.size()}, indices.data());
      write_dataset(file, "values", {values.size()}, values.data());
    }
    try {
      import_events(path(), directory_ / "store.h5", {});
    } catch (const format_error& refused) {
      return refused.what();
    }
    const event_batch read = test::read_all(directory_ / "store.h5");
    std::string events;
    for (const std::uint32_t event : read.indices) events += std::to_string(event) + " ";
    return events;
  }
  [[nodiscard]] std::filesystem::path path() const { return directory_ / "csr.h5"; }

  test::temporary_directory directory_;
};

TEST_F(csr_file, numbers_of_other_types_are_taken_where_they_are_whole) {
  EXPECT_EQ(imported<std::int64_t>({0, 1, 3}, std::vector<std::int64_t>{3, 0, 1}, std::vector<double>{1, 2, 1}), "3 0 0 1 ");
  EXPECT_EQ(imported<double>({0, 1, 3}, std::vector<double>{3, 0, 1}, std::vector<std::uint8_t>{1, 2, 1}), "3 0 0 1 ");
}

TEST_F(csr_file, numbers_that_are_none_are_named_with_file_and_place) {
  const std::vector<std::uint64_t> pointers = {0, 1, 3};
  const std::vector<std::uint32_t> ones = {1, 1, 1};
  EXPECT_EQ(imported(pointers, std::vector<std::int32_t>{3, 0, -1}, ones),
            path().string() + ": indices_1: element 2 is -1; expected 0 to 3");
  EXPECT_EQ(imported(pointers, std::vector<std::uint32_t>{3, 0, 4}, ones),
            path().string() + ": indices_1: element 2 is 4; expected 0 to 3");
  EXPECT_EQ(imported(pointers, std::vector<double>{3, 0, 1.7}, ones),
            path().string() + ": indices_1: element 2 is 1.7; expected a whole number from 0 to 3");
  EXPECT_THAT(imported(pointers, ones, std::vector<double>{1, 1.9, 1}),
              HasSubstr("values: element 1 is 1.9; expected a whole"));
  EXPECT_THAT(imported(pointers, ones, std::vector<std::int64_t>{1, 1, -1}),
              HasSubstr("values: element 2 is -1; expected 0 to"));
  EXPECT_THAT(imported(std::vector<std::int64_t>{0, -1, 3}, ones, ones), HasSubstr("pointers_to_1: element 1 is -1"));
  EXPECT_THAT(imported(std::vector<double>{0, 1.5, 3}, ones, ones), HasSubstr("pointers_to_1: element 1 is 1.5"));
}

/// stempy's file of one position with one list of events of T.
template <class T>
std::string imported_list(std::vector<T> events, double position = 0) {
  const test::temporary_directory directory;
  {
    const hdf5_handle file(H5Fcreate((directory / "stempy.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file");
    write_attribute(file, "version", std::int64_t{2});
    const hdf5_handle group = make_group(file, "electron_events");
    write_dataset(group, "scan_positions", {1}, &position);
    const hsize_t one = 1;
    const hdf5_handle space(H5Screate_simple(1, &one, nullptr), "space");
    const hdf5_handle type(H5Tvlen_create(hdf5_type<T>()), "type");
    const hdf5_handle lists(H5Dcreate2(group, "frames", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "frames");
    const hvl_t list{events.size(), events.data()};
    hdf5_check(H5Dwrite(lists, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &list), "frames");
    const hdf5_handle positions(H5Dopen2(group, "scan_positions", H5P_DEFAULT), "positions");
    for (const char* name : {"Nx", "Ny"}) {
      write_attribute(lists, name, std::int64_t{4});
      write_attribute(positions, name, std::int64_t{1});
    }
  }
  try {
    import_events(directory / "stempy.h5", directory / "store.h5", {});
  } catch (const format_error& refused) {
    return refused.what();
  }
  std::string read;
  for (const std::uint32_t event : test::read_all(directory / "store.h5").indices) read += std::to_string(event) + " ";
  return read;
}

TEST(stempy_file, numbers_of_other_types_are_taken_where_they_fit) {
  EXPECT_EQ(imported_list<std::uint32_t>({15, 2}), "2 15 ");
  EXPECT_EQ(imported_list<std::int64_t>({15, 2}), "2 15 ");
  EXPECT_EQ(imported_list<double>({15, 2}), "2 15 ");
  EXPECT_EQ(imported_list<std::uint8_t>({15, 2}), "2 15 ");
  EXPECT_THAT(imported_list<std::int32_t>({15, -1}), HasSubstr("event list 0: element 1 is -1; expected 0 to 15"));
  EXPECT_THAT(imported_list<double>({3.7}), HasSubstr("event list 0: element 0 is 3.7; expected a whole number from 0 to 15"));
  EXPECT_THAT(imported_list<std::uint32_t>({16}), HasSubstr("event list 0: element 0 is 16; expected 0 to 15"));
  EXPECT_THAT(imported_list<std::uint64_t>({std::uint64_t{1} << 32}), HasSubstr("element 0 is 4294967296"));
  EXPECT_THAT(imported_list<std::uint32_t>({1}, 0.5), HasSubstr("scan_positions: element 0 is 0.5"));
}

/// Replaces a dataset or an attribute of a store by one of another type.
class retyped_store : public testing::Test {
 protected:
  retyped_store() { (void)test::write_store(path(), test::description_of({8, 8}, {2, 2, 1}), {}); }
  [[nodiscard]] std::filesystem::path path() const { return directory_ / "store.h5"; }
  [[nodiscard]] hdf5_handle opened() const { return {H5Fopen(path().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "store"}; }

  template <class T>
  void replace(const std::string& name, const std::vector<T>& values) const {
    const hdf5_handle file = opened();
    hdf5_check(H5Ldelete(file, name.c_str(), H5P_DEFAULT), name);
    write_dataset(file, name, {values.size()}, values.data());
  }
  template <class T>
  void replace_attribute(const char* group, const char* name, T value) const {
    const hdf5_handle file = opened();
    write_attribute(hdf5_handle(H5Gopen2(file, group, H5P_DEFAULT), group), name, value);
  }
  [[nodiscard]] std::string refusal() const {
    try {
      (void)countem::open_event_store(path());
    } catch (const format_error& refused) {
      return refused.what();
    }
    return "opened";
  }

  test::temporary_directory directory_;
};

TEST_F(retyped_store, counts_status_and_xrays_must_be_what_they_are) {
  replace<std::int64_t>("/electron_counts/counts", {1, -1, 2, 3});
  EXPECT_THAT(refusal(), AllOf(HasSubstr(path().string()), HasSubstr("counts: element 1 is -1")));
  replace<double>("/electron_counts/counts", {1, 1.5, 2, 3});
  EXPECT_THAT(refusal(), HasSubstr("counts: element 1 is 1.5"));
  replace<std::int64_t>("/electron_counts/counts", {1, 1, 2, 3});
  replace<std::uint32_t>("/electron_counts/status", {15, 15, 271, 15});
  EXPECT_THAT(refusal(), HasSubstr("status: element 2 is 271; expected 0 to 255"));
  replace<std::uint32_t>("/electron_counts/status", {15, 15, 15, 15});
  replace<double>("/electron_counts/xrays", {0, 0, 0, -2});
  EXPECT_THAT(refusal(), HasSubstr("xrays: element 3 is -2"));
}

TEST_F(retyped_store, attributes_must_be_what_they_are) {
  replace_attribute("/electron_counts", "height", -8.0);
  EXPECT_THAT(refusal(), HasSubstr("attribute height is -8; expected"));
  replace_attribute("/electron_counts", "height", 8.0);
  EXPECT_EQ(refusal(), "opened");
  for (const double wrong : {-1.0, std::nan(""), 1e300, 2.5}) {
    replace_attribute("/calibration", "dark_frames", wrong);
    EXPECT_THAT(refusal(), HasSubstr("attribute dark_frames is ")) << wrong;
  }
  replace_attribute("/calibration", "dark_frames", std::int64_t{-1});
  EXPECT_THAT(refusal(), HasSubstr("attribute dark_frames is -1; expected 0 to"));
  replace_attribute("/calibration", "dark_frames", ~std::uint64_t{0});
  EXPECT_THAT(refusal(), HasSubstr("dark frames are more than"));
}

}  // namespace
}  // namespace countem::io
