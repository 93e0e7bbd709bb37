#include "io/hdf5/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include <countem/stop.hpp>

#include "io/hdf5/object.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

namespace fs = std::filesystem;

struct hdf5_file : testing::Test {
  test::temporary_directory directory;
  fs::path path = directory / "file.h5";
  std::unique_lock<std::recursive_mutex> lock = hdf5_lock();

  [[nodiscard]] hdf5_handle made() const {
    return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), path.string()};
  }
  /// A chain of groups, each in the one before.
  void nest(int groups) const {
    hdf5_handle inner = made();
    for (int depth = 0; depth < groups; ++depth)
      inner = {H5Gcreate2(inner, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "group"};
  }
  [[nodiscard]] std::uint64_t visited() const {
    std::uint64_t objects = 0;
    const hdf5_handle file = open_hdf5(path);
    visit_objects(
        file, [&](const char*, H5O_type_t) { return ++objects > 0; }, "search");
    return objects;
  }
};

TEST_F(hdf5_file, groups_are_searched_to_a_depth) {
  nest(most_nested_groups);
  EXPECT_EQ(visited(), 1 + most_nested_groups);
  nest(most_nested_groups + 1);
  EXPECT_THROW(static_cast<void>(visited()), format_error);
}

TEST_F(hdf5_file, a_search_of_deeply_nested_groups_ends_soon) {
  nest(3000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(static_cast<void>(visited()), format_error);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(hdf5_file, a_search_ends_when_the_program_is_to_stop) {
  nest(2);
  stop_requested = true;
  EXPECT_THROW(static_cast<void>(visited()), interrupted);
  stop_requested = false;
  EXPECT_EQ(visited(), 3U);
}

TEST_F(hdf5_file, what_is_no_hdf5_file_is_bad_input) {
  std::ofstream(path) << "some words";
  EXPECT_THROW(static_cast<void>(open_hdf5(path)), format_error);
  EXPECT_THROW(static_cast<void>(open_hdf5(path, hdf5_reading::growing)), format_error);
  EXPECT_THROW(static_cast<void>(open_hdf5(directory / "absent.h5")), io_error);
  ASSERT_EQ(::mkfifo((directory / "pipe.h5").c_str(), 0600), 0);
  EXPECT_THROW(static_cast<void>(open_hdf5(directory / "pipe.h5")), format_error);
}

/// With attempts without an end, HDF5 would sleep for years over a checksum that stays wrong.
TEST_F(hdf5_file, damaged_metadata_of_a_growing_file_is_refused_soon) {
  {
    const hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), "access");
    ASSERT_GE(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), 0);
    const hdf5_handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), "file");
  }
  std::string bytes(fs::file_size(path), '\0');
  std::ifstream(path, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  std::fstream damaged(path, std::ios::in | std::ios::out | std::ios::binary);
  for (std::size_t header = bytes.find("OHDR"); header != std::string::npos; header = bytes.find("OHDR", header + 1)) {
    damaged.seekp(static_cast<std::streamoff>(header) + 12);
    damaged.put(static_cast<char>(~bytes[header + 12]));
  }
  damaged.close();
  const auto start = std::chrono::steady_clock::now();
  const auto open_root = [&] {
    const hdf5_handle file = open_hdf5(path, hdf5_reading::growing);
    visit_objects(
        file, [](const char*, H5O_type_t) { return true; }, "search");
  };
  EXPECT_THROW(open_root(), hdf5_refusal);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

/// HDF5 keeps the setting for each thread by itself where it is thread-safe.
TEST_F(hdf5_file, hdf5_prints_in_no_thread) {
  lock.unlock();
  testing::internal::CaptureStderr();
  std::thread([] {
    const auto held = hdf5_lock();
    static_cast<void>(H5Dopen2(H5I_INVALID_HID, "nothing", H5P_DEFAULT));
  }).join();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  lock.lock();
}

}  // namespace
}  // namespace countem::io
