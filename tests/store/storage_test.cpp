// Bytes of a dataset come from files beside its own, not from anywhere in the file system.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include <countem/error.hpp>

#include "io/hdf5/dataset.hpp"
#include "io/hdf5/storage.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A folder "in" with the file that is read, and a folder "out" with what it must not lead to.
class storage : public testing::Test {
 protected:
  storage() {
    for (const char* folder : {"in", "out"}) {
      fs::create_directory(directory_ / folder);
      std::ofstream(directory_ / folder / "raw.bin", std::ios::binary) << "secret!!";
      const hdf5_handle part = create(directory_ / folder / "part.h5");
      const std::vector<std::uint8_t> values = {1, 2};
      write_dataset(part, "data", {2}, values.data());
    }
    file_ = create(directory_ / "in" / "file.h5");
  }

  static hdf5_handle create(const fs::path& path) {
    return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), path.string()};
  }
  static hdf5_handle space_of(hsize_t elements) { return {H5Screate_simple(1, &elements, nullptr), "space"}; }

  static void make_external(hid_t file, const std::string& name) {
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    hdf5_check(H5Pset_external(creation, name.c_str(), 0, 8), name);
    const hdf5_handle made(H5Dcreate2(file, "external", H5T_STD_U8LE, space_of(8), H5P_DEFAULT, creation, H5P_DEFAULT), name);
  }
  static void make_virtual(hid_t file, const std::string& name, const std::string& part_name, const std::string& path) {
    const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
    const hdf5_handle space = space_of(2);
    hdf5_check(H5Pset_virtual(creation, space, part_name.c_str(), path.c_str(), space), name);
    const hdf5_handle made(H5Dcreate2(file, name.c_str(), H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT), name);
  }

  /// Numbers of a dataset, or why it is refused.
  [[nodiscard]] std::vector<std::uint8_t> read(const std::string& path) const {
    return read_dataset<std::uint8_t>(file_, path);
  }
  [[nodiscard]] std::string refusal(const std::string& path) const {
    try {
      (void)read(path);
    } catch (const format_error& refused) {
      return refused.what();
    }
    return "read";
  }
  /// A name by which "out/NAME" is reached from "in" without naming it as such.
  [[nodiscard]] std::string linked(const std::string& name) const {
    fs::create_symlink(directory_ / "out" / name, directory_ / "in" / ("link_" + name));
    return "link_" + name;
  }

  test::temporary_directory directory_;
  hdf5_handle file_;
};

TEST_F(storage, external_bytes_lie_beside_the_file) {
  make_external(file_, "raw.bin");
  EXPECT_THAT(read("external"), ElementsAre('s', 'e', 'c', 'r', 'e', 't', '!', '!'));
}

TEST_F(storage, external_bytes_from_elsewhere_are_refused_by_name) {
  for (const std::string& name :
       {(directory_ / "out" / "raw.bin").string(), std::string("../out/raw.bin"), linked("raw.bin")}) {
    make_external(file_, name);
    EXPECT_THAT(refusal("external"), AllOf(HasSubstr("dataset external"), HasSubstr(name), HasSubstr("not beside"))) << name;
    hdf5_check(H5Ldelete(file_, "external", H5P_DEFAULT), name);
  }
  make_external(file_, (directory_ / "in" / "raw.bin").string());
  EXPECT_EQ(read("external").size(), 8U) << "a whole path to the same folder";
}

TEST_F(storage, parts_of_virtual_datasets_lie_beside_the_file) {
  make_virtual(file_, "beside", "part.h5", "/data");
  EXPECT_THAT(read("beside"), ElementsAre(1, 2));
  const std::vector<std::uint8_t> values = {7, 8};
  write_dataset(file_, "own", {2}, values.data());
  make_virtual(file_, "inside", ".", "/own");
  EXPECT_THAT(read("inside"), ElementsAre(7, 8));
}

TEST_F(storage, parts_of_virtual_datasets_from_elsewhere_are_refused) {
  int number = 0;
  for (const std::string& name : {(directory_ / "out" / "part.h5").string(), std::string("../out/part.h5")}) {
    const std::string path = "virtual" + std::to_string(number++);
    make_virtual(file_, path, name, "/data");
    EXPECT_THAT(refusal(path), AllOf(HasSubstr("dataset " + path), HasSubstr(name), HasSubstr("not beside"))) << name;
  }
}

/// As data managers leave folders: names that lead to files kept elsewhere.
TEST_F(storage, hdf5_files_that_are_linked_beside_the_file_are_followed) {
  const std::string name = linked("part.h5");
  make_virtual(file_, "virtual", name, "/data");
  hdf5_check(H5Lcreate_external(name.c_str(), "/data", file_, "link", H5P_DEFAULT, H5P_DEFAULT), "link");
  EXPECT_EQ(read("virtual").size(), 2U);
  EXPECT_EQ(read("link").size(), 2U);
}

TEST_F(storage, parts_that_are_named_by_a_pattern_are_refused) {
  const hsize_t one = 1;
  const hsize_t endless = H5S_UNLIMITED;
  const hdf5_handle whole(H5Screate_simple(1, &one, &endless), "space");
  const hsize_t zero = 0;
  hdf5_check(H5Sselect_hyperslab(whole, H5S_SELECT_SET, &zero, &one, &endless, &one), "selection");
  const hdf5_handle creation(H5Pcreate(H5P_DATASET_CREATE), "creation");
  hdf5_check(H5Pset_virtual(creation, whole, "part%b.h5", "/data", space_of(1)), "pattern");
  hdf5_handle made(H5Dcreate2(file_, "pattern", H5T_STD_U8LE, whole, H5P_DEFAULT, creation, H5P_DEFAULT), "pattern");
  made.close();
  EXPECT_THAT(refusal("pattern"), HasSubstr("pattern part%b.h5"));
}

TEST_F(storage, a_part_that_leads_elsewhere_is_refused_too) {
  {
    const hdf5_handle part = create(directory_ / "in" / "deep.h5");
    make_external(part, (directory_ / "out" / "raw.bin").string());
    make_virtual(part, "deeper", "../out/part.h5", "/data");
    hdf5_check(H5Lcreate_external("../out/part.h5", "/data", part, "linked", H5P_DEFAULT, H5P_DEFAULT), "link");
  }
  for (const char* path : {"external", "deeper", "linked"}) {
    make_virtual(file_, path, "deep.h5", std::string("/") + path);
    EXPECT_THAT(refusal(path), HasSubstr("not beside")) << path;
  }
  for (int depth = 0; depth < 12; ++depth) {
    make_virtual(file_, "chain" + std::to_string(depth), ".", "/chain" + std::to_string(depth + 1));
  }
  EXPECT_THAT(refusal("chain0"), HasSubstr("nested too deep"));
}

TEST_F(storage, links_to_other_files_lead_to_the_same_folder) {
  hdf5_check(H5Lcreate_external("part.h5", "/data", file_, "beside", H5P_DEFAULT, H5P_DEFAULT), "link");
  EXPECT_THAT(read("beside"), ElementsAre(1, 2));
  int number = 0;
  for (const std::string& name : {(directory_ / "out" / "part.h5").string(), std::string("../out/part.h5")}) {
    const std::string path = "link" + std::to_string(number++);
    hdf5_check(H5Lcreate_external(name.c_str(), "/", file_, path.c_str(), H5P_DEFAULT, H5P_DEFAULT), "link");
    EXPECT_THAT(refusal(path + "/data"), HasSubstr("not beside")) << name;
    EXPECT_THROW((void)open_group(file_, path), format_error) << name;
  }
}

TEST_F(storage, a_file_that_is_reached_by_a_link_has_the_folders_of_both) {
  hdf5_check(H5Lcreate_external("part.h5", "/data", file_, "beside", H5P_DEFAULT, H5P_DEFAULT), "link");
  make_virtual(file_, "virtual", "part.h5", "/data");
  file_.close();
  fs::create_symlink(directory_ / "in" / "file.h5", directory_ / "view.h5");
  file_ = {H5Fopen((directory_ / "view.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "view"};
  EXPECT_THAT(read("beside"), ElementsAre(1, 2));
  EXPECT_THAT(read("virtual"), ElementsAre(1, 2));
}

TEST_F(storage, parts_are_found_by_several_readers_at_once) {
  make_virtual(file_, "beside", "part.h5", "/data");
  const hdf5_handle first = open_dataset(file_, "beside");
  EXPECT_THAT(read("beside"), ElementsAre(1, 2));
}

TEST_F(storage, a_part_that_is_not_there_is_not_sought_in_the_working_directory) {
  make_virtual(file_, "virtual", "elsewhere.h5", "/data");
  const fs::path before = fs::current_path();
  fs::copy(directory_ / "out" / "part.h5", directory_ / "out" / "elsewhere.h5");
  fs::current_path(directory_ / "out");
  const std::string refused = refusal("virtual");
  fs::current_path(before);
  EXPECT_THAT(refused, HasSubstr("not beside"));
}

}  // namespace
}  // namespace countem::io
