#include "io/sources/stated_axes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

// Units of other programs as mrad and nm, worked out by hand, and what is of no use.
namespace countem::io {
namespace {

struct outcome {
  axis_lengths lengths;
  std::string taken;
  std::string refused;
};

outcome of(const stated_axes& stated) {
  issue_list issues;
  outcome found{lengths_of(stated, "scan.h5", issues), {}, {}};
  for (const source_issue& issue : issues.take()) (issue.kind == "axes_taken" ? found.taken : found.refused) += issue.text;
  return found;
}

outcome of_detector(double step, const std::string& units, double beam_kv = 0) {
  return of({.row = stated_axis{0, step, units}, .column = stated_axis{0, step, units}, .beam_kv = beam_kv});
}

outcome of_scan(double step, const std::string& units) {
  return of({.scan_row = stated_axis{0, step, units}, .scan_column = stated_axis{0, step, units}});
}

TEST(stated_axes, lengths_become_nm) {
  for (const auto& [units, nm] : {std::pair{"nm", 2.0},
                                  {"A", 0.2},
                                  {"\xc3\x85", 0.2},
                                  {"pm", 0.002},
                                  {"um", 2000.0},
                                  {"\xc2\xb5m", 2000.0},
                                  {"m", 2e9},
                                  {"[n_m]", 2.0},
                                  {"$\\mu$m", -1.0}}) {
    const outcome found = of_scan(2, units);
    if (nm > 0) {
      EXPECT_NEAR(found.lengths.scan_step_nm, nm, 1e-12 * nm) << units;
      EXPECT_NE(found.taken.find("a step of the scan"), std::string::npos) << units;
      EXPECT_NE(found.taken.find("for the scan that the file states and parts of it alone"), std::string::npos) << units;
    } else {
      EXPECT_EQ(found.lengths, axis_lengths{}) << units;
      EXPECT_NE(found.refused.find("not taken over"), std::string::npos) << units;
    }
  }
}

TEST(stated_axes, a_stack_of_images_need_be_no_scan) {
  const stated_axis depth{0, 4, "um"};
  const stated_axis pixel{0, 3, "nm"};
  const outcome images = of({.scan_column = depth, .row = pixel, .column = pixel});
  EXPECT_EQ(images.lengths, axis_lengths{});
  EXPECT_NE(images.refused.find("stack of images is stated as 4 um"), std::string::npos);
  const stated_axis angle{0, 0.5, "mrad"};
  EXPECT_EQ(of({.scan_column = depth, .row = angle, .column = angle}).lengths.scan_step_nm, 4000) << "a line of patterns";
  EXPECT_EQ(of({.scan_row = depth, .scan_column = depth, .row = pixel, .column = pixel}).lengths.scan_step_nm, 4000);
}

TEST(stated_axes, angles_become_mrad) {
  EXPECT_NEAR(of_detector(0.25, "mrad").lengths.pixel_mrad, 0.25, 1e-15);
  EXPECT_NEAR(of_detector(0.001, "rad").lengths.pixel_mrad, 1, 1e-15);
  EXPECT_NEAR(of_detector(1, "deg").lengths.pixel_mrad, 17.453292519943297, 1e-12);
  EXPECT_NEAR(of_detector(250, "urad").lengths.pixel_mrad, 0.25, 1e-15);
}

/// 300 kV: 1.96875 pm.
TEST(stated_axes, reciprocal_lengths_need_the_beam) {
  EXPECT_NEAR(of_detector(0.1, "1/nm", 300).lengths.pixel_mrad, 0.196875, 1e-5);
  EXPECT_NEAR(of_detector(0.01, "A^-1", 300).lengths.pixel_mrad, 0.196875, 1e-5);
  EXPECT_NEAR(of_detector(0.01, "$A^{-1}$", 300).lengths.pixel_mrad, 0.196875, 1e-5);
  EXPECT_NEAR(of_detector(1e8, "1/m", 300).lengths.pixel_mrad, 0.196875, 1e-5);
  for (const double beam : {0.0, -300.0, 1e300, std::nan("")}) {
    const outcome found = of_detector(0.1, "1/nm", beam);
    EXPECT_EQ(found.lengths, axis_lengths{}) << beam;
    EXPECT_NE(found.refused.find("energy of the beam"), std::string::npos) << beam;
  }
}

TEST(stated_axes, nonsense_is_not_taken_over) {
  for (const double step : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(of_scan(step, "nm").lengths, axis_lengths{}) << step;
    EXPECT_FALSE(of_scan(step, "nm").refused.empty()) << step;
    EXPECT_EQ(of_detector(step, "mrad").lengths, axis_lengths{}) << step;
  }
  EXPECT_FALSE(of_detector(1, "nm").refused.empty());
  EXPECT_FALSE(of_scan(1, "mrad").refused.empty());
  EXPECT_FALSE(of_scan(1, "furlong").refused.empty());
  for (const char* const none : {"", "pixels", "px", "<undefined>"}) {
    const outcome found = of_scan(1, none);
    EXPECT_EQ(found.lengths, axis_lengths{});
    EXPECT_TRUE(found.taken.empty() && found.refused.empty()) << none;
  }
}

TEST(stated_axes, planes_have_one_step_and_two_origins) {
  const outcome found = of({.scan_row = stated_axis{10, 2, "nm"}, .scan_column = stated_axis{-4, 2, "nm"}});
  EXPECT_EQ(found.lengths.scan_origin_nm, (plane_origin{10, -4}));
  const outcome oblong = of({.row = stated_axis{0, 0.5, "mrad"}, .column = stated_axis{0, 0.25, "mrad"}});
  EXPECT_EQ(oblong.lengths, axis_lengths{});
  EXPECT_NE(oblong.refused.find("0.5 mrad along columns and 0.25 mrad along rows"), std::string::npos) << oblong.refused;
  EXPECT_EQ(of({.row = stated_axis{0, 1, "mrad"}, .column = stated_axis{0, 1, "rad"}}).lengths, axis_lengths{});
  const outcome line = of({.scan_column = stated_axis{3, 0.5, "nm"}});
  EXPECT_EQ(line.lengths.scan_step_nm, 0.5);
  EXPECT_EQ(line.lengths.scan_origin_nm, (plane_origin{0, 3}));
}

TEST(stated_axes, given_lengths_come_first) {
  const axis_lengths stated{0.5, 2, {1, 2}, {3, 4}};
  const store_geometry both = with_lengths({}, stated);
  EXPECT_EQ(both.pixel_mrad, 0.5);
  EXPECT_EQ(both.detector_origin_mrad, (plane_origin{1, 2}));
  const store_geometry given = with_lengths({}, stated, 0.25);
  EXPECT_EQ(given.pixel_mrad, 0.25);
  EXPECT_EQ(given.detector_origin_mrad, plane_origin{});
  EXPECT_EQ(given.scan_step_nm, 2);
  EXPECT_EQ(given.scan_origin_nm, (plane_origin{3, 4}));
}

}  // namespace
}  // namespace countem::io
