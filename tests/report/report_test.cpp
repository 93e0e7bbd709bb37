#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <countem/centre.hpp>

#include "host/cli/report/embedded_frames.hpp"
#include "host/cli/report/frame_code.hpp"
#include "host/cli/report/page.hpp"
#include "host/cli/report/scan_content.hpp"
#include "tests/store/random_events.hpp"
#include "tests/store/temporary_directory.hpp"

namespace countem::cli::report {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr frame_shape shape{24, 30};
constexpr scan_shape scan{7, 9, 2};

/// A small store; `at(frame)` gives the events it was made of.
class report_of_a_store : public testing::Test {
 protected:
  report_of_a_store() {
    store_description description;
    description.shape = shape;
    description.scan = scan;
    description.calibrated.background16 = 16;
    description.provenance = {{"command_line", "countem count </script><b>"}, {"inputs", R"([{"name":"a&b","bytes":12}])"}};
    const auto writer = create_event_store(directory_ / "counted.h5", description, {});
    std::mt19937_64 random(3);
    event_batch batch;
    for (std::uint64_t frame = 0; frame < scan.frames(); ++frame) {
      batch.status.push_back(frame == 10 ? 0 : frame == 11 ? 0x07 : frame == 12 ? all_sectors | status_xray : all_sectors);
      batch.xrays.push_back(frame == 12 ? 2 : 0);
      const std::size_t many = frame == 10 ? 0 : frame % 13;
      frames_.push_back(test::random_events(random, shape.pixels(), many));
      batch.indices.insert(batch.indices.end(), frames_.back().begin(), frames_.back().end());
      batch.indptr.push_back(batch.indices.size());
    }
    writer->observe(batch);
    writer->write(*writer->encode(batch));
    writer->finish();
    store_ = open_event_store(directory_ / "counted.h5");
  }

  [[nodiscard]] std::vector<std::uint32_t> at_position(std::uint64_t position, std::uint32_t bin) const {
    std::vector<std::uint32_t> events;
    for (std::uint64_t repeat = 0; repeat < scan.frames_per_position; ++repeat) {
      for (const std::uint32_t event : frames_[position * scan.frames_per_position + repeat])
        events.push_back(event / shape.width / bin * binned(shape, bin).width + event % shape.width / bin);
    }
    std::sort(events.begin(), events.end());
    return events;
  }

  test::temporary_directory directory_;
  std::vector<std::vector<std::uint32_t>> frames_;
  std::unique_ptr<event_store> store_;
};

std::vector<std::uint64_t> varints(const std::string& bytes) {
  std::vector<std::uint64_t> numbers;
  std::uint64_t number = 0;
  unsigned shift = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    number |= std::uint64_t{byte & 0x7fU} << shift;
    shift += 7;
    if (byte < 0x80) {
      numbers.push_back(number);
      number = 0;
      shift = 0;
    }
  }
  return numbers;
}

TEST_F(report_of_a_store, embeds_the_events_of_each_kept_position) {
  for (const frame_choice choice : {frame_choice{1, 1}, {1, 4}, {2, 1}, {3, 2}, {64, 1}}) {
    const embedded_frames embedded = embed_frames(*store_, choice, {});
    EXPECT_EQ(embedded.choice, choice);
    const std::vector<std::uint64_t> lengths = varints(embedded.lengths);
    ASSERT_EQ(lengths.size(), std::size_t{embedded.rows.count} * embedded.columns.count);
    ASSERT_GE(lengths.size(), 1U);
    std::size_t at = 0;
    std::size_t number = 0;
    for (std::uint32_t r = 0; r < embedded.rows.count; ++r) {
      for (std::uint32_t c = 0; c < embedded.columns.count; ++c, ++number) {
        const std::uint32_t row = embedded.rows.first + r * choice.stride;
        const std::uint32_t column = embedded.columns.first + c * choice.stride;
        EXPECT_EQ(decode_frame(std::string_view(embedded.frames).substr(at, lengths[number])),
                  at_position(row * scan.width + column, choice.bin));
        at += lengths[number];
      }
    }
    EXPECT_EQ(at, embedded.frames.size());
  }
}

TEST_F(report_of_a_store, knows_beforehand_what_frames_cost) {
  constexpr std::uint64_t plenty = 1'000'000;
  frame_costs costs(shape, scan, {}, plenty);
  static_cast<void>(compute_content(*store_, {}, costs));
  EXPECT_EQ(costs.choose(plenty), (frame_choice{1, 1}));
  std::uint64_t limit = plenty;
  std::vector<frame_choice> chosen;
  while (const auto choice = costs.choose(limit)) {
    const embedded_frames embedded = embed_frames(*store_, *choice, {});
    const std::uint64_t bytes = base64_size(embedded.frames.size()) + base64_size(embedded.lengths.size());
    EXPECT_LE(bytes, limit);
    EXPECT_EQ(costs.choose(bytes), choice) << "no less is taken while it fits";
    chosen.push_back(*choice);
    limit = bytes - 1;
  }
  EXPECT_GE(chosen.size(), 4U);
  EXPECT_EQ(costs.choose(0), std::nullopt);
}

TEST_F(report_of_a_store, counts_what_is_there) {
  frame_costs costs(shape, scan, {}, 1'000'000);
  const scan_content content = compute_content(*store_, {}, costs);
  std::uint64_t events = 0;
  std::vector<std::uint64_t> sum(shape.pixels());
  for (const auto& frame : frames_) {
    events += frame.size();
    for (const std::uint32_t event : frame) ++sum[event];
  }
  EXPECT_EQ(content.events, events);
  EXPECT_EQ(content.sum.electrons, sum);
  EXPECT_TRUE(content.sum.absent.empty());
  EXPECT_EQ(content.detectors.size(), 4U);
  const completeness& complete = content.arrived.complete;
  EXPECT_EQ(complete.frames, scan.frames());
  EXPECT_EQ(complete.never_arrived, 1U);
  EXPECT_EQ(complete.incomplete, 1U);
  EXPECT_EQ(complete.complete, scan.frames() - 2);
  EXPECT_EQ(complete.without_sector, (std::array<std::uint64_t, 4>{0, 0, 0, 1}));
  EXPECT_EQ(complete.xrays, 2U);
  EXPECT_EQ(content.arrived.status[5], cell_never_arrived | 0x08);
  EXPECT_EQ(content.arrived.status[6], cell_xray);
  EXPECT_EQ(content.arrived.status[7], 0);
  std::uint64_t frames = 0;
  for (const std::uint64_t bin : content.events_per_frame.frames) frames += bin;
  EXPECT_EQ(frames, scan.frames() - 1);
}

/// Of frame 10 nothing arrived, of frame 11 three quarters: both are those of position 5.
TEST_F(report_of_a_store, shares_are_those_of_frames_and_sectors) {
  const auto frames = static_cast<double>(scan.frames());
  const arrival_content positions = arrival_of(*store_, 1);
  EXPECT_DOUBLE_EQ(positions.share, (frames - 1.25) / frames);
  ASSERT_EQ(positions.shares.size(), scan.positions());
  for (std::size_t p = 0; p < positions.shares.size(); ++p) EXPECT_EQ(positions.shares[p], p == 5 ? 0.375 : 1) << p;
  const arrival_content blocks = arrival_of(*store_, 2);
  EXPECT_EQ(blocks.share, positions.share);
  ASSERT_EQ(blocks.shares.size(), 4U * 5);
  for (std::size_t cell = 0; cell < blocks.shares.size(); ++cell)
    EXPECT_EQ(blocks.shares[cell], cell == 2 ? 6.75 / 8 : 1) << cell;
}

/// The rings of pixels that are used: those of the middle are excluded, and count in no detector or centre of mass.
TEST_F(report_of_a_store, leaves_excluded_pixels_out) {
  content_options options;
  options.beam = given_centre({12, 15});
  options.detectors = {{"everything", parse_detector("disk:100")}};
  options.excluded.assign(shape.pixels(), 0);
  std::uint64_t kept = 0;
  std::uint64_t first_ring = 0;
  std::uint64_t pixels = 0;
  for (std::uint32_t p = 0; p < shape.pixels(); ++p) {
    const double distance = std::hypot(static_cast<double>(p / shape.width) - 12, static_cast<double>(p % shape.width) - 15);
    options.excluded[p] = distance < 1 || (distance < 2 && p % 2 == 0) ? 1 : 0;
    if (options.excluded[p] != 0) continue;
    std::uint64_t here = 0;
    for (const auto& frame : frames_) here += static_cast<std::uint64_t>(std::ranges::count(frame, p));
    kept += here;
    if (distance >= 2) continue;
    first_ring += here;
    ++pixels;
  }
  frame_costs costs(shape, scan, {}, 1'000'000);
  const scan_content content = compute_content(*store_, options, costs);
  ASSERT_EQ(content.ring_step, 1);
  EXPECT_TRUE(std::isnan(content.radial.at(0))) << "a ring without a used pixel";
  const double arrived =
      (static_cast<double>(scan.frames()) - 1.25) / static_cast<double>(scan.frames());  // how sectors lie is not known
  EXPECT_DOUBLE_EQ(content.radial.at(1), static_cast<double>(first_ring) / (static_cast<double>(pixels) * arrived));
  EXPECT_DOUBLE_EQ(content.radial_error.at(1),
                   std::sqrt(static_cast<double>(first_ring)) / (static_cast<double>(pixels) * arrived));
  std::uint64_t found = 0;
  for (const std::uint64_t cell : content.virtual_images.at(0).electrons) found += cell;
  EXPECT_EQ(found, kept);
  EXPECT_LT(kept, content.events);
}

TEST_F(report_of_a_store, lets_nothing_out_of_its_script_elements) {
  frame_costs costs(shape, scan, {}, 1'000'000);
  const scan_content content = compute_content(*store_, {}, costs);
  page_facts facts;
  facts.title = "</title><script>alert(1)</script> {{frames}} \xff";
  const std::string page = make_page(store_->description(), content, facts, embed_frames(*store_, {}, {}));
  EXPECT_THAT(page, Not(HasSubstr("<b>")));
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, HasSubstr("&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt; {{frames}}"));
  EXPECT_THAT(page, HasSubstr("countem count \\u003c/script>\\u003cb>"));
  EXPECT_THAT(page, Not(HasSubstr("{{css}}")));
}

TEST(kept_lines, always_keep_one) {
  for (std::uint32_t lines = 1; lines < 20; ++lines) {
    for (std::uint32_t stride = 1; stride < 50; ++stride) {
      const kept_lines kept = keep(lines, stride);
      ASSERT_GE(kept.count, 1U);
      std::uint32_t contained = 0;
      for (std::uint32_t line = 0; line < lines; ++line) contained += kept.contains(line);
      ASSERT_EQ(contained, kept.count);
    }
  }
}

TEST(report_cells, stay_few) {
  EXPECT_EQ(cell_of({256, 256, 1}, {576, 576}), (frame_choice{1, 1}));
  EXPECT_EQ(cell_of({1024, 1024, 1}, {4096, 4096}), (frame_choice{2, 4}));
  EXPECT_EQ(cells({1, 1'000'000, 1}, cell_of({1, 1'000'000, 1}, {8, 8}).stride).height, 1U);
}

}  // namespace
}  // namespace countem::cli::report
