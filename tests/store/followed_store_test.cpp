// What a reader sees of a store that is being written, and what is left of one whose writer is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include <countem/event_store.hpp>

#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

/// The chunk index of HDF5 has pages of 1024 entries.
constexpr std::uint64_t frames_of_scan = 2500;

struct written_store {
  store_description description = test::description_of({24, 30}, {25, 100, 1});
  test::temporary_directory directory;
  std::filesystem::path path = directory / "counted.h5";
  std::filesystem::path part = directory / "counted.h5.part";
  std::unique_ptr<event_store_writer> writer = create_event_store(path, description, {.keep_unfinished = true});

  void write(std::uint64_t first, std::size_t frames) {
    event_batch batch = test::random_batch(first, frames, description, test::mean_events);
    writer->observe(batch);
    writer->write(*writer->encode(batch));
  }
};

/// Counts and dense frames through HDF5's own index.
class hdf5_view {
 public:
  hdf5_view(const std::filesystem::path& path, unsigned flags)
      : file_(H5Fopen(path.c_str(), flags, H5P_DEFAULT), "file"),
        counts_(H5Dopen2(file_, "/electron_counts/counts", H5P_DEFAULT), "counts"),
        data_(H5Dopen2(file_, "/electron_counts/data", H5P_DEFAULT), "data") {}

  void refresh() {
    ASSERT_GE(H5Drefresh(counts_), 0);
    ASSERT_GE(H5Drefresh(data_), 0);
  }
  [[nodiscard]] std::vector<std::uint32_t> counts() const {
    std::vector<std::uint32_t> read(frames_of_scan);
    EXPECT_GE(H5Dread(counts_, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, read.data()), 0);
    return read;
  }
  /// Electrons in the dense frame.
  [[nodiscard]] std::uint64_t electrons(std::uint64_t frame) const {
    const hsize_t first[4] = {frame / 100, frame % 100, 0, 0};
    const hsize_t extent[4] = {1, 1, 24, 30};
    const io::hdf5_handle space(H5Dget_space(data_), "space");
    H5Sselect_hyperslab(space, H5S_SELECT_SET, first, nullptr, extent, nullptr);
    const io::hdf5_handle memory(H5Screate_simple(4, extent, nullptr), "memory");
    std::vector<std::uint8_t> dense(24 * 30);
    EXPECT_GE(H5Dread(data_, H5T_NATIVE_UINT8, memory, space, H5P_DEFAULT, dense.data()), 0);
    return std::accumulate(dense.begin(), dense.end(), std::uint64_t{0});
  }

 private:
  io::hdf5_handle file_, counts_, data_;
};

void expect_frames_seen(const hdf5_view& view, std::uint64_t written) {
  const std::vector<std::uint32_t> counts = view.counts();
  const store_description description = test::description_of({24, 30}, {25, 100, 1});
  const event_batch expected = test::random_batch(0, frames_of_scan, description, test::mean_events);
  for (std::uint64_t frame = 0; frame < frames_of_scan; ++frame) {
    const bool there = frame < written && expected.status[frame] != 0;
    ASSERT_EQ(counts[frame], there ? expected.events(frame).size() : not_written) << "frame " << frame;
    ASSERT_EQ(view.electrons(frame), there ? expected.events(frame).size() : 0) << "frame " << frame;
  }
}

TEST(followed_store, shows_each_frame_when_its_write_returns) {
  written_store store;
  store.write(0, 1);
  const auto lock = io::hdf5_lock();
  hdf5_view view(store.part, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ);
  expect_frames_seen(view, 1);
  std::uint64_t written = 1;
  for (const std::size_t frames : {std::size_t{99}, std::size_t{924}, std::size_t{1}, std::size_t{1100}, std::size_t{375}}) {
    store.write(written, frames);
    written += frames;
    view.refresh();
    ASSERT_NO_FATAL_FAILURE(expect_frames_seen(view, written));
  }
  EXPECT_EQ(written, frames_of_scan);
}

TEST(followed_store, is_open_for_its_followers_alone) {
  written_store store;
  store.write(0, 50);
  const auto lock = io::hdf5_lock();
  const io::hdf5_handle access(H5Pcreate(H5P_FILE_ACCESS), "access");
  H5Pset_file_locking(access, false, true);
  hid_t opened = H5I_INVALID_HID;
  H5E_BEGIN_TRY {
    opened = H5Fopen(store.part.c_str(), H5F_ACC_RDONLY, access);
  }
  H5E_END_TRY
  EXPECT_LT(opened, 0) << "a reader that does not follow would take what it sees for all";
}

TEST(followed_store, is_whole_up_to_its_last_write_when_the_writer_is_gone) {
  if (std::system("command -v h5clear > /dev/null") != 0) GTEST_SKIP() << "h5clear of hdf5-tools is not installed";
  written_store store;
  store.write(0, 1);
  store.write(1, 1500);
  const std::filesystem::path left = store.directory / "left.h5";
  std::filesystem::copy_file(store.part, left);  // as a kill leaves it
  ASSERT_EQ(std::system(("h5clear -s " + left.string()).c_str()), 0);
  const auto lock = io::hdf5_lock();
  expect_frames_seen(hdf5_view(left, H5F_ACC_RDONLY), 1501);
}

}  // namespace
}  // namespace countem
