#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include <countem/error.hpp>

#include "io/files/file.hpp"
#include "io/store/scan.hpp"
#include "tests/io/new_file.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::io {
namespace {

TEST(scan_limits, a_record_across_two_windows_is_found) {
  // The scan reads 16 MiB at a time; the first eight bytes of a record may lie on both sides of such a place.
  constexpr std::uint64_t window = std::uint64_t{16} << 20U;
  store_description description;
  description.scan = {3, 4, 1};
  description.shape = {5, 6};
  const std::vector<std::uint8_t> record = make_recovery_record(description, false);
  for (std::uint64_t offset = window - 9; offset <= window + 1; ++offset) {
    const test::temporary_directory directory;
    const file_handle file = test::new_file(directory / "part");
    file.write_at(offset, record.data(), record.size());
    const found_store found = scan_event_store(file);
    EXPECT_EQ(found.description.shape, description.shape) << offset - window;
    EXPECT_EQ(found.description.scan, description.scan) << offset - window;
  }
}

TEST(scan_limits, a_record_without_its_last_byte_is_none) {
  const test::temporary_directory directory;
  store_description description;
  description.scan = {3, 4, 1};
  description.shape = {5, 6};
  const std::vector<std::uint8_t> record = make_recovery_record(description, true);
  for (const std::size_t missing : {std::size_t{0}, std::size_t{1}, record.size() - 16}) {
    const file_handle file = test::new_file(directory / "part");
    file.write_at(0, record.data(), record.size() - missing);
    if (missing == 0) {
      EXPECT_EQ(scan_event_store(file).frame.element_bytes, 2U);
    } else {
      EXPECT_THROW((void)scan_event_store(file), format_error) << missing;
    }
  }
}

}  // namespace
}  // namespace countem::io
