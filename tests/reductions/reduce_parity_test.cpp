// Every backend against the reference on random scans.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string_view>

#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/reductions.hpp>

#include "host/cli/bench/baselines/encodings.hpp"
#include "tests/reductions/batch_of.hpp"

namespace {

using namespace countem;

struct random_scan {
  frame_shape shape;
  double events_per_frame;
  std::size_t frames;
};

void PrintTo(const random_scan& scan, std::ostream* out) {
  *out << scan.frames << " frames of " << scan.shape.height << " x " << scan.shape.width << ", " << scan.events_per_frame
       << " events each";
}

/// A backend that must equal the reference, and how it is made.
struct backend_case {
  const char* name;
  std::unique_ptr<event_reducer> (*make)();
};

class backend_equals_reference : public testing::TestWithParam<std::tuple<backend_case, random_scan>> {
 protected:
  backend_equals_reference() {
    const random_scan& scan = std::get<1>(GetParam());
    std::mt19937_64 random(42);
    std::vector<std::vector<std::uint32_t>> frames(scan.frames);
    for (auto& frame : frames) {
      // Every third frame is crowded into a few pixels, so that repeated indices abound.
      const std::uint64_t spread =
          &frame - frames.data() == 1 ? std::min<std::uint64_t>(scan.shape.pixels(), 7) : scan.shape.pixels();
      frame.resize(std::poisson_distribution<std::size_t>(scan.events_per_frame)(random));
      for (auto& index : frame)
        index = static_cast<std::uint32_t>(std::uniform_int_distribution<std::uint64_t>(0, spread - 1)(random));
      std::sort(frame.begin(), frame.end());
    }
    batch_ = batch_of(frames);
    shape_ = scan.shape;
    tested_ = std::get<0>(GetParam()).make();
    tested_->load(view_of(batch_, shape_));
    oracle_->load(view_of(batch_, shape_));
  }

  template <class Element>
  static Element before() {
    if constexpr (std::is_same_v<Element, event_second_moments>)
      return {{3, 3, 3}, 3, 3, 3};
    else
      return Element{3};
  }

  /// Runs a stage of both on outputs of this size, which start out alike.
  template <class Element, class Stage>
  void expect_equal(std::size_t size, Stage stage) {
    std::vector<Element> expected(size, before<Element>());
    std::vector<Element> found(size, before<Element>());
    stage(*oracle_, std::span<Element>(expected));
    stage(*tested_, std::span<Element>(found));
    EXPECT_EQ(expected, found);
  }

  template <class Stage>
  void expect_equal_events(Stage stage) {
    event_batch expected;
    event_batch found;
    stage(*oracle_, expected);
    stage(*tested_, found);
    EXPECT_EQ(expected.indptr, found.indptr);
    EXPECT_EQ(expected.indices, found.indices);
  }

  frame_shape shape_;
  event_batch batch_;
  std::unique_ptr<event_reducer> oracle_ = reference::make_reducer();
  std::unique_ptr<event_reducer> tested_;
};

TEST_P(backend_equals_reference, counts) {
  expect_equal<std::uint32_t>(batch_.frames(), [](auto& reducer, auto out) { reducer.counts(out); });
}

TEST_P(backend_equals_reference, sum) {
  expect_equal<std::uint64_t>(shape_.pixels(), [](auto& reducer, auto out) { reducer.add_sum(out); });
}

/// More events than pixels, and in some of them more than a byte or two can count.
TEST_P(backend_equals_reference, sum_of_many_events_in_few_pixels) {
  const auto last = static_cast<std::uint32_t>(shape_.pixels() - 1);
  std::vector<std::uint32_t> crowded(300, 0);
  crowded.insert(crowded.end(), 255, last / 2);
  crowded.insert(crowded.end(), 70'000, last);
  std::sort(crowded.begin(), crowded.end());
  std::vector<std::uint32_t> everywhere(shape_.pixels());
  std::iota(everywhere.begin(), everywhere.end(), 0U);
  const event_batch batch = batch_of({crowded, everywhere, crowded});
  oracle_->load(view_of(batch, shape_));
  if (std::string_view(std::get<0>(GetParam()).name) == "dense") {
    EXPECT_THROW(tested_->load(view_of(batch, shape_)), invalid_argument);  // 16 bits per pixel and frame
    return;
  }
  tested_->load(view_of(batch, shape_));
  expect_equal<std::uint64_t>(shape_.pixels(), [](auto& reducer, auto out) { reducer.add_sum(out); });
}

TEST_P(backend_equals_reference, maximum) {
  expect_equal<std::uint32_t>(shape_.pixels(), [](auto& reducer, auto out) { reducer.raise_maximum(out); });
}

TEST_P(backend_equals_reference, detectors) {
  for (const std::size_t number : {0U, 1U, 2U, 8U, 11U}) {
    std::vector<virtual_detector> detectors(number);
    for (std::size_t d = 0; d < number; ++d) {
      detectors[d].inner = static_cast<double>(d) * 1.7;
      detectors[d].outer = detectors[d].inner + 4 + static_cast<double>(d * d);
      detectors[d].to_degrees = d % 3 == 2 ? 77 : 360;
    }
    const detector_masks masks = make_masks(detectors, shape_, {middle_of(shape_).row + 0.3, middle_of(shape_).column - 0.2});
    expect_equal<std::uint32_t>(number * batch_.frames(), [&](auto& reducer, auto out) { reducer.virtual_counts(masks, out); });
  }
}

TEST_P(backend_equals_reference, detectors_of_few_rows) {
  const double h = shape_.height;
  std::vector<virtual_detector> detectors{parse_detector("disk:1.2@0,0"),
                                          parse_detector("disk:2@" + std::to_string(h - 1) + ",1"),
                                          parse_detector("annulus:1,3@" + std::to_string(h / 2) + ",2"),
                                          parse_detector("wedge:0,4,10,100@" + std::to_string(h / 3) + ",0"),
                                          parse_detector("disk:2@" + std::to_string(h + 9) + ",0")};  // beside the frame
  const detector_masks masks = make_masks(detectors, shape_, middle_of(shape_));
  expect_equal<std::uint32_t>(detectors.size() * batch_.frames(),
                              [&](auto& reducer, auto out) { reducer.virtual_counts(masks, out); });
}

TEST_P(backend_equals_reference, weights) {
  std::mt19937 random(7);
  std::vector<float> weights(shape_.pixels());
  for (float& w : weights) w = std::normal_distribution<float>(0, 3)(random);
  const weight_image image = make_weights(weights, shape_);
  expect_equal<std::int64_t>(batch_.frames(), [&](auto& reducer, auto out) { reducer.weighted_counts(image, out); });
}

TEST_P(backend_equals_reference, moments) {
  expect_equal<event_moments>(batch_.frames(), [](auto& reducer, auto out) { reducer.moments(out); });
}

TEST_P(backend_equals_reference, second_moments) {
  expect_equal<event_second_moments>(batch_.frames(), [](auto& reducer, auto out) { reducer.second_moments(out); });
  std::vector<virtual_detector> apertures{parse_detector("disk:2.5@0,0"), parse_detector("annulus:3,40"),
                                          parse_detector("wedge:0,1000,20,200"), parse_detector("disk:1@-9,-9")};
  apertures.emplace_back().mask.assign(shape_.pixels(), 0);
  for (std::size_t p = 0; p < shape_.pixels(); p += 3) apertures.back().mask[p] = 2;
  for (const virtual_detector& aperture : apertures) {
    const detector_masks within = make_masks({&aperture, 1}, shape_, middle_of(shape_));
    expect_equal<event_second_moments>(batch_.frames(), [&](auto& reducer, auto out) { reducer.second_moments(within, out); });
  }
}

TEST_P(backend_equals_reference, radial) {
  const detector_point middle = middle_of(shape_);
  // On whole and half pixels rings end exactly at pixels.
  for (const detector_point centre : {middle, detector_point{middle.row - 0.4, middle.column}, detector_point{0, 0},
                                      detector_point{std::floor(middle.row), middle.column + 0.5},
                                      detector_point{-1000.25, 3e4}, detector_point{middle.row + 1e-5, middle.column}}) {
    for (const auto& [step, number] : {std::pair{1.5, 0U}, std::pair{1.5, 3U}, std::pair{1.0, 40U}, std::pair{0.37, 200U}}) {
      const ring_map rings = make_rings(shape_, centre, step, number);
      expect_equal<std::uint32_t>(batch_.frames() * rings.rings,
                                  [&](auto& reducer, auto out) { reducer.radial_counts(rings, out); });
    }
  }
}

TEST_P(backend_equals_reference, bin) {
  for (const std::uint32_t factor : {1U, 2U, 3U, 4U, 7U, 16U, 1000U}) {
    expect_equal_events([&](auto& reducer, auto& out) { reducer.bin(factor, out); });
  }
}

/// Frames whose first pair of rows is filled by all shares of up to 70 events, the others by some number: what one vector
/// takes, what takes more of them, and what takes another way.
TEST(pairs_of_rows, become_one_however_they_are_filled) {
  const frame_shape shape{9, 90};  // the last row has no other
  std::mt19937_64 random(5);
  const auto draw = [&](std::vector<std::uint32_t>& frame, std::uint32_t row, std::size_t events) {
    for (std::size_t i = 0; i < events; ++i)
      frame.push_back(row * shape.width + static_cast<std::uint32_t>(random() % shape.width));
  };
  std::vector<std::vector<std::uint32_t>> frames;
  for (std::size_t both = 0; both <= 70; ++both) {
    for (std::size_t upper = 0; upper <= both; upper += both < 20 ? 1 : 7) {
      std::vector<std::uint32_t>& frame = frames.emplace_back();
      draw(frame, 0, upper);
      draw(frame, 1, both - upper);
      for (std::uint32_t row = 2; row < shape.height; ++row) draw(frame, row, random() % 13);
      draw(frame, shape.height - 1, 20);
      std::ranges::sort(frame);
    }
  }
  const event_batch batch = batch_of(frames);
  const auto oracle = reference::make_reducer();
  const auto tested = cpu::make_reducer(1);
  oracle->load(view_of(batch, shape));
  tested->load(view_of(batch, shape));
  event_batch expected;
  event_batch found;
  oracle->bin(2, expected);
  tested->bin(2, found);
  EXPECT_EQ(expected.indices, found.indices);
}

TEST_P(backend_equals_reference, crop) {
  const std::uint32_t h = shape_.height;
  const std::uint32_t w = shape_.width;
  const detector_window row{h / 2, 0, {1, w}};
  const detector_window column{0, w / 2, {h, 1}};
  for (const detector_window& window : {row, column}) {
    expect_equal_events([&](auto& reducer, auto& out) { reducer.crop(window, out); });
  }
  for (const detector_window& window : {detector_window{0, 0, shape_}, detector_window{h / 3, w / 4, {h / 2, w / 2}},
                                        detector_window{h - 1, w - 1, {1, 1}}, detector_window{0, 0, {0, 0}}}) {
    expect_equal_events([&](auto& reducer, auto& out) { reducer.crop(window, out); });
  }
}

TEST_P(backend_equals_reference, slice_of_the_scan) {
  event_view slice = view_of(batch_, shape_);
  slice.indptr = slice.indptr.subspan(1, batch_.frames() / 2 + 1);
  oracle_->load(slice);
  tested_->load(slice);
  expect_equal<std::uint64_t>(shape_.pixels(), [](auto& reducer, auto out) { reducer.add_sum(out); });
  expect_equal_events([](auto& reducer, auto& out) { reducer.bin(3, out); });
  expect_equal_events([&](auto& reducer, auto& out) { reducer.crop({0, 0, {shape_.height, 1}}, out); });
}

INSTANTIATE_TEST_SUITE_P(, backend_equals_reference,
                         testing::Combine(testing::Values(backend_case{"cpu_1_thread", [] { return cpu::make_reducer(1); }},
                                                          backend_case{"cpu_3_threads", [] { return cpu::make_reducer(3); }},
                                                          backend_case{"dense", &baselines::make_dense_reducer},
                                                          backend_case{"run_length", &baselines::make_run_length_reducer}),
                                          testing::Values(random_scan{{1, 1}, 3, 4}, random_scan{{5, 7}, 6, 9},
                                                          random_scan{{16, 16}, 40, 5}, random_scan{{33, 129}, 100, 20},
                                                          random_scan{{129, 33}, 2, 40}, random_scan{{576, 576}, 3000, 6},
                                                          random_scan{{576, 576}, 30, 30}, random_scan{{300, 4096}, 2000, 4},
                                                          random_scan{{1, 70000}, 500, 3}, random_scan{{70000, 3}, 500, 3},
                                                          random_scan{{64, 64}, 9000, 3}, random_scan{{256, 300}, 900, 150})),
                         [](const auto& name) {
                           const random_scan& scan = std::get<1>(name.param);
                           return std::string(std::get<0>(name.param).name) + "_" + std::to_string(scan.shape.height) + "x" +
                                  std::to_string(scan.shape.width) + "_" +
                                  std::to_string(static_cast<int>(scan.events_per_frame));
                         });

/// On frames so long that 8000 events could leave 64 bits, both refuse.
void expect_equal_second_moments(event_reducer& oracle, event_reducer& tested, frame_shape shape) {
  std::vector<event_second_moments> expected(2);
  std::vector<event_second_moments> found(2);
  if (most_second_order_events(shape) < 4000) {
    EXPECT_THROW(oracle.second_moments(expected), invalid_argument);
    EXPECT_THROW(tested.second_moments(found), invalid_argument);
    return;
  }
  oracle.second_moments(expected);
  tested.second_moments(found);
  EXPECT_EQ(expected, found);
}

/// Frames beyond the limits within which the SIMD lanes divide by one product, or at all.
class huge_frames : public testing::TestWithParam<frame_shape> {};

TEST_P(huge_frames, stages_without_an_image_equal_the_reference) {
  const frame_shape shape = GetParam();
  std::mt19937_64 random(3);
  std::vector<std::vector<std::uint32_t>> frames(2, std::vector<std::uint32_t>(4000));
  for (auto& frame : frames) {
    for (auto& index : frame)
      index = static_cast<std::uint32_t>(std::uniform_int_distribution<std::uint64_t>(0, shape.pixels() - 1)(random));
    // The pixels at both ends of rows, where a quotient that is off shows first.
    for (std::size_t i = 0; i + 1 < 1000; i += 2) {
      frame[i] = frame[i] / shape.width * shape.width;
      frame[i + 1] = frame[i + 1] / shape.width * shape.width + shape.width - 1;
    }
    frame[0] = 0;
    frame[1] = static_cast<std::uint32_t>(shape.pixels() - 1);
    std::sort(frame.begin(), frame.end());
  }
  const event_batch batch = batch_of(frames);
  const auto oracle = reference::make_reducer();
  const auto tested = cpu::make_reducer(2);
  oracle->load(view_of(batch, shape));
  tested->load(view_of(batch, shape));

  std::vector<event_moments> expected_moments(2);
  std::vector<event_moments> found_moments(2);
  oracle->moments(expected_moments);
  tested->moments(found_moments);
  EXPECT_EQ(expected_moments, found_moments);

  expect_equal_second_moments(*oracle, *tested, shape);

  event_batch expected;
  event_batch found;
  for (const std::uint32_t factor : {1U, 2U, 5U}) {
    oracle->bin(factor, expected);
    tested->bin(factor, found);
    EXPECT_EQ(expected.indices, found.indices) << factor;
  }
  const detector_window window{shape.height / 5, shape.width / 3, {shape.height / 2, shape.width / 2}};
  oracle->crop(window, expected);
  tested->crop(window, found);
  EXPECT_EQ(expected.indptr, found.indptr);
  EXPECT_EQ(expected.indices, found.indices);
}

INSTANTIATE_TEST_SUITE_P(, huge_frames,
                         testing::Values(frame_shape{2000, 2000}, frame_shape{4096, 4096}, frame_shape{2001, 2003},
                                         frame_shape{3, 1'048'575}, frame_shape{1'048'575, 3}, frame_shape{46'000, 46'000},
                                         frame_shape{65'000, 66'000}, frame_shape{2, 2'147'483'647},
                                         frame_shape{4'294'967'295, 1}));

/// The largest squares on both sides of the frame sizes whose sums fit 32-bit lanes.
TEST(second_moments, of_events_in_the_last_corner) {
  constexpr std::uint64_t number = 3001;
  for (const frame_shape shape : {frame_shape{576, 576}, frame_shape{3, 16384}, frame_shape{16384, 16384},
                                  frame_shape{16385, 3}, frame_shape{65535, 65536}}) {
    const event_batch batch = batch_of({std::vector(number, static_cast<std::uint32_t>(shape.pixels() - 1)), {}});
    const auto reducer = cpu::make_reducer(1);
    reducer->load(view_of(batch, shape));
    std::vector<event_second_moments> found(2);
    reducer->second_moments(found);
    const std::uint64_t row = shape.height - 1;
    const std::uint64_t column = shape.width - 1;
    EXPECT_EQ(
        found[0],
        (event_second_moments{
            {number, number * row, number * column}, number * row * row, number * row * column, number * column * column}))
        << shape.height << " x " << shape.width;
    EXPECT_EQ(found[1], event_second_moments{});
  }
}

TEST(cuda_reductions, without_a_device_are_refused_with_the_reason) {
  std::string reason;
  try {
    static_cast<void>(cuda::make_reducer());
  } catch (const not_compiled& refused) {
    reason = refused.what();
    EXPECT_THAT(reason, testing::HasSubstr("CUDA"));
  } catch (const cuda_error& refused) {
    reason = refused.what();
  }
  EXPECT_EQ(reason.empty(), cuda::device_count() != 0);
}

}  // namespace
