// Events into memory of the caller's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include <countem/error.hpp>
#include <countem/read_events.hpp>

#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using test::description_of;
using test::write_store;

struct stored_events : testing::Test {
  test::temporary_directory directory;
  std::filesystem::path path = directory / "counted.h5";
  event_batch all;

  std::unique_ptr<event_store> store(event_value values = event_value::none) {
    store_description description = description_of({32, 48}, {10, 13, 1});
    description.options.values = values;
    all = write_store(path, description, {});
    return open_event_store(path);
  }
};

TEST_F(stored_events, are_those_of_read_for_any_frames_and_threads) {
  const auto opened = store(event_value::charge);
  for (const unsigned threads : {1U, 3U, 0U}) {
    for (const auto& [first, end] : {std::pair{0U, 130U}, std::pair{3U, 4U}, std::pair{7U, 90U}, std::pair{130U, 130U}}) {
      const std::size_t begin = all.indptr[first];
      const std::size_t number = all.indptr[end] - begin;
      std::vector<std::uint32_t> indices(number + 1, 77);  // one behind that must stay as it is
      std::vector<std::uint32_t> values(number + 1, 78);
      read_events(*opened, first, end - first, std::span(indices).first(number), std::span(values).first(number), threads);
      EXPECT_TRUE(std::equal(indices.begin(), indices.end() - 1, all.indices.begin() + static_cast<std::ptrdiff_t>(begin)));
      EXPECT_TRUE(std::equal(values.begin(), values.end() - 1, all.values.begin() + static_cast<std::ptrdiff_t>(begin)));
      EXPECT_EQ(indices.back(), 77U);
      EXPECT_EQ(values.back(), 78U);
      read_events(*opened, first, end - first, std::span(indices).first(number), {}, threads);
    }
  }
}

TEST_F(stored_events, need_memory_of_their_size) {
  const auto opened = store();
  std::vector<std::uint32_t> indices(all.indices.size());
  std::vector<std::uint32_t> one(1);
  EXPECT_THROW(read_events(*opened, 0, 130, std::span(indices).first(indices.size() - 1), {}), invalid_argument);
  EXPECT_THROW(read_events(*opened, 0, 130, indices, one), invalid_argument);
  EXPECT_THROW(read_events(*opened, 0, 130, indices, indices), invalid_argument) << "it keeps no values";
  EXPECT_THROW(read_events(*opened, 1, 130, indices, {}), invalid_argument);
}

TEST_F(stored_events, of_a_damaged_frame_are_refused_by_its_number) {
  (void)store();
  test::damage_chunk(path, {10, 13, 1}, 100, 12);
  const auto opened = open_event_store(path);
  std::vector<std::uint32_t> indices(all.indices.size());
  for (const unsigned threads : {1U, 0U}) {
    try {
      read_events(*opened, 0, 130, indices, {}, threads);
      ADD_FAILURE() << "read a damaged frame";
    } catch (const format_error& fault) {
      EXPECT_THAT(fault.what(), testing::HasSubstr("frame 100: the chunk's CRC is wrong"));
    }
  }
  read_events(*opened, 0, 100, std::span(indices).first(all.indptr[100]), {});
}

}  // namespace
}  // namespace countem
