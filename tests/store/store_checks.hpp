#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>

#include <countem/event_store.hpp>

#include "io/hdf5/handle.hpp"
#include "tests/store/store_samples.hpp"

// What tests of stores check and break.
namespace countem::test {

/// Both hold the same frames.
inline void expect_equal(const event_batch& read, const event_batch& expected) {
  EXPECT_EQ(read.indptr, expected.indptr);
  EXPECT_EQ(read.indices, expected.indices);
  EXPECT_EQ(read.values, expected.values);
  EXPECT_EQ(read.xrays, expected.xrays);
  EXPECT_EQ(read.status, expected.status);
}

/// Of the frames that are written, killed and merged.
inline constexpr std::size_t mean_events = 40;

/// Frames [0, safe) of random_batch() must be there, every event right; whatever else is there must be right too. Returns how
/// many there are.
inline std::uint64_t expect_frames(const std::filesystem::path& path, const store_description& description, std::size_t mean,
                                   std::uint64_t safe) {
  const auto store = open_event_store(path);
  const auto frames = static_cast<std::size_t>(description.scan.frames());
  EXPECT_EQ(store->frames(), frames);
  event_batch read;
  store->read(0, frames, read);
  const event_batch expected = random_batch(0, frames, description, mean);
  std::uint64_t found = 0;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const bool arrived = expected.status[frame] != 0;
    const bool there = store->counts()[frame] != not_written;
    found += there;
    EXPECT_TRUE(there || !arrived || frame >= safe) << "frame " << frame << " of " << safe << " safe ones is lost";
    if (!there) continue;
    EXPECT_TRUE(std::ranges::equal(read.events(frame), expected.events(frame))) << "frame " << frame;
    EXPECT_EQ(read.status[frame], expected.status[frame]);
    EXPECT_EQ(read.xrays[frame], expected.xrays[frame]);
  }
  EXPECT_THAT(verify_event_store(path), testing::IsEmpty());
  return found;
}

/// Overwrites one byte of a frame's chunk (one frame per position), `offset` from its start or, if negative, from its end.
inline void damage_chunk(const std::filesystem::path& path, const scan_shape& scan, std::uint64_t frame, std::int64_t offset) {
  const auto lock = io::hdf5_lock();
  haddr_t address = 0;
  hsize_t size = 0;
  {
    const io::hdf5_handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), "file");
    const io::hdf5_handle data(H5Dopen2(file, "/electron_counts/data", H5P_DEFAULT), "data");
    const hsize_t where[4] = {frame / scan.width, frame % scan.width, 0, 0};
    unsigned mask = 0;
    ASSERT_GE(H5Dget_chunk_info_by_coord(data, where, &mask, &address, &size), 0);
  }
  std::fstream out(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto at = static_cast<std::streamoff>(offset < 0 ? address + size : address) + offset;
  out.seekg(at);
  const int byte = out.get();
  out.seekp(at);
  out.put(static_cast<char>(byte ^ 0x10));
}

}  // namespace countem::test
