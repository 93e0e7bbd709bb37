// What io/hdf5 promises beyond the C API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>

#include <countem/error.hpp>

#include "io/hdf5/dataset.hpp"
#include "io/hdf5/hyperslab.hpp"
#include "io/hdf5/object.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A file with the 3 x 4 dataset "numbers" of 0 to 11, linked again as "again", and a group with a link that leads nowhere.
class hdf5_file : public testing::Test {
 protected:
  hdf5_file() : file_(H5Fcreate((directory_ / "file.h5").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), "file") {
    std::vector<std::int32_t> numbers(12);
    std::iota(numbers.begin(), numbers.end(), 0);
    write_dataset(file_, "numbers", {3, 4}, numbers.data());
    (void)make_group(file_, "group");
    hdf5_check(H5Lcreate_hard(file_, "numbers", file_, "again", H5P_DEFAULT, H5P_DEFAULT), "again");
    hdf5_check(H5Lcreate_soft("/nowhere", file_, "group/broken", H5P_DEFAULT, H5P_DEFAULT), "broken");
    numbers_ = {H5Dopen2(file_, "numbers", H5P_DEFAULT), "numbers"};
  }

  [[nodiscard]] std::vector<std::int32_t> read(const slab& box) const {
    std::vector<std::int32_t> values(box.elements());
    read_slab<std::int32_t>(numbers_, box, values, "numbers");
    return values;
  }

  test::temporary_directory directory_;
  hdf5_handle file_;
  hdf5_handle numbers_;
};

TEST_F(hdf5_file, reads_and_writes_a_box) {
  EXPECT_THAT(read({{1, 1}, {2, 3}}), ElementsAre(5, 6, 7, 9, 10, 11));
  const std::vector<std::int32_t> two = {-1, -2};
  write_slab<std::int32_t>(numbers_, {{0, 3}, {2, 1}}, two, "numbers");
  EXPECT_THAT(read({{0, 0}, {3, 4}}), ElementsAre(0, 1, 2, -1, 4, 5, 6, -2, 8, 9, 10, 11));
  EXPECT_THAT(read({{3, 4}, {0, 0}}), ElementsAre());
}

TEST_F(hdf5_file, refuses_a_box_that_does_not_lie_inside) {
  EXPECT_THROW((void)read({{0, 2}, {3, 3}}), format_error);
  EXPECT_THROW((void)read({{4, 0}, {0, 4}}), format_error);
  EXPECT_THROW((void)read({{1, 1}, {2, ~hsize_t{0}}}), std::exception);
  EXPECT_THROW((void)read({{0}, {3}}), format_error);
  EXPECT_THROW((void)read({{0, 0, 0}, {1, 1, 1}}), format_error);
  EXPECT_THROW((void)read({{0, 0}, {3}}), invalid_argument);
  const std::vector<std::int32_t> two(2);
  EXPECT_THROW(write_slab<std::int32_t>(numbers_, {{3, 0}, {1, 2}}, two, "numbers"), format_error);
  EXPECT_THROW(write_slab<std::int32_t>(numbers_, {{0, 0}, {1, 3}}, two, "numbers"), invalid_argument);
  try {
    (void)read({{0, 2}, {3, 3}});
  } catch (const format_error& reason) {
    EXPECT_THAT(reason.what(), HasSubstr("numbers: elements 2 to 5 of axis 1"));
  }
}

TEST_F(hdf5_file, knows_kind_and_identity_of_objects) {
  EXPECT_EQ(object_type(file_, "/numbers"), H5O_TYPE_DATASET);
  EXPECT_EQ(object_type(file_, "/group"), H5O_TYPE_GROUP);
  EXPECT_EQ(object_type(file_, "/absent"), H5O_TYPE_UNKNOWN);
  EXPECT_EQ(object_type(file_, "/group/broken"), H5O_TYPE_UNKNOWN);
  EXPECT_TRUE(is_same_object(file_, "/numbers", "/again"));
  EXPECT_FALSE(is_same_object(file_, "/numbers", "/group"));
  EXPECT_FALSE(is_same_object(file_, "/absent", "/absent"));
}

TEST_F(hdf5_file, visits_every_object_once) {
  std::vector<std::string> seen;
  const auto take = [&](const char* path, H5O_type_t type) {
    seen.push_back(std::string(path) + (type == H5O_TYPE_DATASET ? " dataset" : " group"));
    return true;
  };
  visit_objects(file_, take, "file");
  EXPECT_THAT(seen, ElementsAre(". group", "again dataset", "group group"));

  seen.clear();
  visit_objects(
      file_, [&](const char* path, H5O_type_t type) { return take(path, type) && seen.size() < 2; }, "file");
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_THROW(visit_objects(
                   file_, [](const char*, H5O_type_t) -> bool { throw std::runtime_error("no"); }, "file"),
               std::runtime_error);
}

}  // namespace
}  // namespace countem::io
