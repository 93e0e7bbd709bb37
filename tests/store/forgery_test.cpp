// Chunks with a right CRC whose compact indices are not the events of their dense form: no reader takes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstring>
#include <fstream>
#include <functional>

#include <countem/convert.hpp>
#include <countem/error.hpp>
#include <countem/event_store.hpp>

#include "io/hdf5/handle.hpp"
#include "io/store/chunk_footer.hpp"
#include "io/store/chunk_sections.hpp"
#include "tests/store/store_checks.hpp"
#include "tests/store/store_samples.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using bytes = std::vector<std::uint8_t>;

constexpr frame_shape forged_shape = {32, 48};
constexpr std::uint64_t forged_frame = 5;

/// One chunk in its parts.
struct chunk_parts {
  bytes stream;
  std::vector<std::uint32_t> events;
  bytes values;
  io::chunk_footer footer;
  std::uint32_t claimed_events = 0;  ///< by the footer, more than there are
};

struct forgery {
  const char* name;
  std::function<void(chunk_parts&)> forge;
};

void PrintTo(const forgery& of, std::ostream* to) {
  *to << of.name;
}

class forged_store : public testing::Test {
 protected:
  /// A store with compact indices, one chunk of which is replaced by another with a right CRC.
  void forge(const std::function<void(chunk_parts&)>& change) {
    description_ = test::description_of(forged_shape, {3, 4, 1});
    (void)test::write_store(path(), description_, {.fast_sparse = true});
    const auto lock = io::hdf5_lock();
    const io::hdf5_handle file(H5Fopen(path().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), "store");
    const io::hdf5_handle data(H5Dopen2(file, "/electron_counts/data", H5P_DEFAULT), "data");
    const hsize_t at[] = {forged_frame / 4, forged_frame % 4, 0, 0};
    hsize_t size = 0;
    std::uint32_t skipped = 0;
    ASSERT_GE(H5Dget_chunk_storage_size(data, at, &size), 0);
    bytes chunk(size);
    const std::uint64_t old_bytes = size;
    haddr_t before = 0;
    unsigned filters = 0;
    ASSERT_GE(H5Dget_chunk_info_by_coord(data, at, &filters, &before, &size), 0);
    ASSERT_GE(H5Dread_chunk(data, H5P_DEFAULT, at, &skipped, chunk.data()), 0);
    chunk_parts parts = split(chunk);
    change(parts);
    chunk = joined(parts);
    ASSERT_GE(H5Dwrite_chunk(data, H5P_DEFAULT, 0, at, chunk.size(), chunk.data()), 0);
    haddr_t after = 0;
    ASSERT_GE(H5Dget_chunk_info_by_coord(data, at, &filters, &after, &size), 0);
    const io::hdf5_handle counts(H5Dopen2(file, "/electron_counts/counts", H5P_DEFAULT), "counts");
    std::vector<std::uint32_t> all(12);
    ASSERT_GE(H5Dread(counts, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()), 0);
    all[forged_frame] = parts.footer.events;
    ASSERT_GE(H5Dwrite(counts, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data()), 0);
    ASSERT_GE(H5Fflush(file, H5F_SCOPE_GLOBAL), 0);
    if (after != before) wipe(before + old_bytes - 1);  // what was there is found no more
  }

  void wipe(std::uint64_t last_byte) const {
    std::fstream out(path(), std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(last_byte));
    out.put('\0');
  }

  static io::dense_layout frame() { return {forged_shape.pixels(), 1}; }
  static chunk_parts split(const bytes& chunk) {
    chunk_parts parts;
    parts.footer = *io::find_footer(chunk);
    parts.stream.assign(chunk.begin(), chunk.begin() + parts.footer.stream_bytes);
    parts.events.resize(parts.footer.events);
    io::decode_indices(std::span(chunk).subspan(parts.footer.stream_bytes, parts.footer.indices_bytes), frame(), parts.events);
    return parts;
  }
  static bytes joined(chunk_parts& parts) {
    bytes chunk = parts.stream;
    parts.footer.events = static_cast<std::uint32_t>(parts.events.size()) + parts.claimed_events;
    parts.footer.stream_bytes = static_cast<std::uint32_t>(parts.stream.size());
    parts.footer.indices_bytes = static_cast<std::uint32_t>(io::append_indices(parts.events, frame(), chunk));
    chunk.insert(chunk.end(), parts.values.begin(), parts.values.end());
    parts.footer.values_bytes = static_cast<std::uint32_t>(parts.values.size());
    io::append_footer(parts.footer, 0, chunk);
    return chunk;
  }

  [[nodiscard]] std::filesystem::path path() const { return directory_ / "store.h5"; }

  test::temporary_directory directory_;
  store_description description_;
};

class forged_chunk : public forged_store, public testing::WithParamInterface<forgery> {};

TEST_P(forged_chunk, is_taken_by_no_reader) {
  forge(GetParam().forge);
  const auto is_named = testing::ThrowsMessage<format_error>(AllOf(HasSubstr(path().string()), HasSubstr("frame 5")));
  EXPECT_THAT([&] { (void)test::read_all(path()); }, is_named);
  EXPECT_THAT([&] { (void)export_events(*open_event_store(path()), directory_ / "out.h5", export_format::csr); }, is_named);
  EXPECT_THAT(verify_event_store(path()), testing::Contains(HasSubstr("frame 5")));
}

/// A merge copies chunks as they are: what was wrong stays what it was, and where it was.
TEST_P(forged_chunk, is_no_less_wrong_in_a_merged_store) {
  forge(GetParam().forge);
  try {
    (void)merge_event_stores({path()}, directory_ / "merged.h5");
  } catch (const format_error& reason) {
    EXPECT_THAT(reason.what(), AllOf(HasSubstr(path().string()), HasSubstr("frame 5")));
    return;
  }
  EXPECT_EQ(verify_event_store(directory_ / "merged.h5"), verify_event_store(path()));
  EXPECT_THAT([&] { (void)test::read_all(directory_ / "merged.h5"); },
              testing::ThrowsMessage<format_error>(HasSubstr("frame 5")));
}

TEST_P(forged_chunk, is_not_saved) {
  forge(GetParam().forge);
  const recovery_report report = recover_event_store(path(), directory_ / "saved.h5");
  EXPECT_THAT(report.damaged, ElementsAre(forged_frame));
  EXPECT_EQ(report.frames, 10U) << "frame 3 never arrived";
  EXPECT_THAT(verify_event_store(directory_ / "saved.h5"), IsEmpty());
  std::filesystem::rename(path(), directory_ / "again.h5.part");
  const resumed_event_store resumed = resume_event_store(directory_ / "again.h5", description_, {.fast_sparse = true});
  EXPECT_EQ(resumed.next_frame, forged_frame);
}

INSTANTIATE_TEST_SUITE_P(
    forgeries, forged_chunk,
    testing::Values(forgery{"moved", [](chunk_parts& chunk) { chunk.events.back() += 1; }},
                    forgery{"missing", [](chunk_parts& chunk) { chunk.events.pop_back(); }},
                    forgery{"more", [](chunk_parts& chunk) { chunk.events.push_back(chunk.events.back()); }},
                    forgery{"empty", [](chunk_parts& chunk) { chunk.events.clear(); }},
                    forgery{"doubled",
                            [](chunk_parts& chunk) { chunk.events.insert(chunk.events.end(), 300, chunk.events.back()); }},
                    forgery{"exchanged", [](chunk_parts& chunk) { std::swap(chunk.events.front(), chunk.events.back()); }},
                    forgery{"two_moved",
                            [](chunk_parts& chunk) {
                              chunk.events.front() -= 1;
                              chunk.events.back() -= 1;
                            }},
                    forgery{"no_stream", [](chunk_parts& chunk) { chunk.stream.clear(); }},
                    forgery{"cut_stream", [](chunk_parts& chunk) { chunk.stream.resize(3); }}),
    [](const auto& of) { return std::string(of.param.name); });

/// What the checksum cannot see, and other things that only a decoding finds.
TEST_F(forged_store, of_the_same_checksum_is_found_by_verify_and_not_saved) {
  // One event a pixel up and another a pixel down: sum and weighted sum stay.
  forge([](chunk_parts& chunk) {
    std::vector<std::uint32_t>& events = chunk.events;
    ASSERT_GT(events.front() + 2, 0U);
    events.front() += 1;
    events.back() -= 1;
    ASSERT_TRUE(std::is_sorted(events.begin(), events.end()));
  });
  EXPECT_THAT(verify_event_store(path()), testing::Contains(HasSubstr("frame 5")));
  EXPECT_THAT(recover_event_store(path(), directory_ / "saved.h5").damaged, ElementsAre(forged_frame));
  EXPECT_THAT(verify_event_store(directory_ / "saved.h5"), IsEmpty());
}

TEST_F(forged_store, with_a_damaged_stream_is_not_saved) {
  forge([](chunk_parts& chunk) { chunk.stream[chunk.stream.size() / 2] ^= 0x10; });
  EXPECT_THAT(verify_event_store(path()), testing::Contains(HasSubstr("frame 5")));
  EXPECT_THAT(recover_event_store(path(), directory_ / "saved.h5").damaged, ElementsAre(forged_frame));
}

TEST_F(forged_store, whose_status_contradicts_its_xrays_or_that_has_values_is_not_saved) {
  for (const auto& change : {std::function<void(chunk_parts&)>([](chunk_parts& chunk) { chunk.footer.facts.xrays ^= 0x100; }),
                             std::function<void(chunk_parts&)>([](chunk_parts& chunk) { chunk.footer.facts.status = 0; }),
                             std::function<void(chunk_parts&)>([](chunk_parts& chunk) {
                               chunk.footer.facts.xrays = 0;
                               chunk.footer.facts.status |= status_xray;
                             }),
                             std::function<void(chunk_parts&)>([](chunk_parts& chunk) {
                               chunk.values = {1, 2, 3};
                               chunk.footer.flags |= io::chunk_footer::has_values;
                             })}) {
    forge(change);
    const recovery_report report = recover_event_store(path(), directory_ / "saved.h5", {});
    EXPECT_THAT(verify_event_store(directory_ / "saved.h5"), IsEmpty());
    EXPECT_LE(report.damaged.size(), 1U);
  }
}

/// Before memory is taken for them.
TEST_F(forged_store, that_claims_more_events_than_its_bytes_can_hold_is_not_merged) {
  forge([](chunk_parts& chunk) { chunk.claimed_events = 400'000; });  // 1536 pixels hold at most 255 events each
  EXPECT_THAT([&] { (void)merge_event_stores({path()}, directory_ / "merged.h5"); },
              testing::ThrowsMessage<format_error>(
                  AllOf(HasSubstr(path().string()), HasSubstr("frame 5"), HasSubstr("too short for its events"))));
}

TEST_F(forged_store, multiplicities_that_are_cut_are_no_contradiction) {
  for (const bool wide : {false, true}) {
    store_description described = test::description_of(forged_shape, {1, 2, 1});
    event_batch batch;
    batch.indices.assign(70'000, 7);
    batch.indices.insert(batch.indices.end(), 300, 9);
    batch.indices.push_back(1535);
    batch.indptr = {0, batch.indices.size(), batch.indices.size()};
    batch.status = {15, 15};
    batch.xrays = {0, 0};
    {
      const auto writer = create_event_store(path(), described, {.wide_counts = wide, .fast_sparse = true});
      test::put(*writer, batch);
      writer->finish();
    }
    EXPECT_EQ(test::read_all(path()).indices, batch.indices);
    EXPECT_THAT(verify_event_store(path()), IsEmpty());
  }
}

}  // namespace
}  // namespace countem
