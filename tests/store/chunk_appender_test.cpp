// Chunks that a merge puts behind a file's end, and their places into HDF5's index, without HDF5.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hdf5.h>

#include <algorithm>
#include <array>

#include <countem/event_store.hpp>

#include "io/hdf5/handle.hpp"
#include "io/store/file.hpp"
#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using io::chunk_access;

event_batch read_by(const std::filesystem::path& path, chunk_access access) {
  const auto store = io::open_event_store(path, access);
  event_batch events;
  store->read(0, static_cast<std::size_t>(store->frames()), events, 1);
  return events;
}

class appended_chunks : public testing::TestWithParam<scan_shape> {};

/// Every seventh frame never arrived, nor any of the second page of the index.
TEST_P(appended_chunks, are_where_hdf5_finds_them) {
  const test::temporary_directory directory;
  const scan_shape scan = GetParam();
  const store_description description = test::description_of({16, 24}, scan);
  const event_batch all = test::random_batch(0, static_cast<std::size_t>(scan.frames()), description, 6);
  event_batch kept;
  for (std::size_t frame = 0; frame < all.frames(); ++frame) {
    const bool arrives = frame % 7 != 3 && (frame < 1024 || frame >= 2048);
    if (arrives) kept.indices.insert(kept.indices.end(), all.events(frame).begin(), all.events(frame).end());
    kept.indptr.push_back(kept.indices.size());
    kept.status.push_back(arrives ? all.status[frame] : std::uint8_t{0});
    kept.xrays.push_back(arrives ? all.xrays[frame] : 0);
  }
  const std::filesystem::path source = directory / "source.h5";
  const std::filesystem::path merged = directory / "merged.h5";
  const auto writer = create_event_store(source, description, {});
  test::put(*writer, kept);
  writer->finish();
  (void)merge_event_stores({source}, merged);
  for (const chunk_access access : {chunk_access::by_address, chunk_access::through_hdf5})
    test::expect_equal(read_by(merged, access), read_by(source, access));
  EXPECT_THAT(verify_event_store(merged), testing::IsEmpty());
  EXPECT_TRUE(std::ranges::equal(open_event_store(merged)->counts(), open_event_store(source)->counts()));
  EXPECT_EQ(io::event_store_file(merged).has_addresses(), scan.frames() > 1);

  // By HDF5's own index: as many chunks as arrived, each as long as in the source.
  const auto lock = io::hdf5_lock();
  std::array<hsize_t, 2> chunks{};
  std::array<hsize_t, 2> bytes{};
  for (std::size_t at = 0; at < 2; ++at) {
    const io::hdf5_handle file(H5Fopen((at == 0 ? source : merged).c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file");
    const io::hdf5_handle data(H5Dopen2(file, "/electron_counts/data", H5P_DEFAULT), "data");
    const io::hdf5_handle space(H5Dget_space(data), "space");
    ASSERT_GE(H5Dget_num_chunks(data, space, &chunks[at]), 0);
    bytes[at] = H5Dget_storage_size(data);
  }
  EXPECT_EQ(chunks[0], chunks[1]);
  EXPECT_EQ(bytes[0], bytes[1]);
}

// One chunk without an index, one page of it, the block that is just not divided, one more, several pages, and repeats.
INSTANTIATE_TEST_SUITE_P(scans, appended_chunks,
                         testing::Values(scan_shape{1, 1, 1}, scan_shape{1, 2, 1}, scan_shape{1, 1024, 1},
                                         scan_shape{25, 41, 1}, scan_shape{3, 1024, 1}, scan_shape{9, 30, 11}));

}  // namespace
}  // namespace countem
