// The grammar of reductions, and what of it contradicts itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <countem/error.hpp>
#include <countem/reduction_plan.hpp>

namespace {

using namespace countem;
using testing::HasSubstr;

/// The sentence with which a list is refused.
std::string refusal(std::string_view items) {
  try {
    (void)parse_plan(items);
  } catch (const invalid_argument& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

TEST(reduction_plan, of_a_list_has_what_the_list_names_and_nothing_else) {
  const reduction_plan plan = parse_plan("sum,max,com,radial,virtual:annulus:60,200@10,20,virtual:disk:7");
  EXPECT_TRUE(plan.sum && plan.maximum && plan.centre_of_mass && plan.radial);
  EXPECT_FALSE(plan.phase || plan.radial_profile);
  ASSERT_EQ(plan.detectors.size(), 2U);
  EXPECT_EQ(plan.detectors[0].name, "annulus:60,200@10,20");
  EXPECT_EQ(plan.detectors[0].centre, (detector_point{10, 20}));
  EXPECT_EQ(plan.detectors[1].outer, 7);
  const reduction_plan one = parse_plan("com");
  EXPECT_TRUE(one.centre_of_mass);
  EXPECT_FALSE(one.sum || one.maximum || one.radial);
}

TEST(reduction_plan, items_take_their_details_behind_a_colon) {
  EXPECT_EQ(parse_plan("com:centre").origin, deflection_origin::centre);
  EXPECT_EQ(parse_plan("com,com:descan,phase").origin, deflection_origin::descan);
  EXPECT_EQ(parse_plan("com:corner").origin, deflection_origin::corner);
  EXPECT_EQ(parse_plan("radial:2.5").radial_step, 2.5);
  EXPECT_EQ(parse_plan("radial:2,radial-profile").radial_step, 2);
  EXPECT_TRUE(parse_plan("radial:0.5mrad,radial-profile").radial_step_in_mrad);
  EXPECT_THROW(static_cast<void>(parse_plan("radial:2,radial-profile:2mrad")), invalid_argument);
  EXPECT_TRUE(parse_plan("radial-profile:2,radial:2").radial_profile);
  EXPECT_EQ(parse_plan("sum,skip-incomplete").incomplete, incomplete_frames::skip);
  EXPECT_EQ(parse_plan("sum,incomplete:scale").incomplete, incomplete_frames::scale);
  EXPECT_EQ(parse_plan("sum").incomplete, incomplete_frames::keep);
  const reduction_plan images = parse_plan("mask:a/hole.npy,weights:b/w.mrc");
  EXPECT_EQ(images.detectors.at(0).mask_file, "a/hole.npy");
  EXPECT_EQ(images.detectors.at(0).name, "hole.npy");
  EXPECT_EQ(images.weights.at(0).file, "b/w.mrc");
  EXPECT_EQ(images.weights.at(0).name, "w.mrc");
}

TEST(reduction_plan, refuses_what_it_does_not_know_and_says_what_there_is) {
  EXPECT_THAT(refusal("sum,pattern"), HasSubstr("'pattern' is none of sum, max, com"));
  EXPECT_THAT(refusal(""), HasSubstr("'' is none of"));
  EXPECT_THAT(refusal("sum,"), HasSubstr("'' is none of"));
  EXPECT_THAT(refusal("Sum"), HasSubstr("'Sum' is none of"));
  EXPECT_THAT(refusal("sum:3"), HasSubstr("takes nothing behind 'sum'"));
  EXPECT_THAT(refusal("com:middle"), HasSubstr("it is corner, centre or descan"));
  EXPECT_THAT(refusal("virtual"), HasSubstr("lacks a detector, as virtual:annulus:60,200"));
  EXPECT_THAT(refusal("virtual:disk"), HasSubstr("disk"));
  EXPECT_THAT(refusal("mask:"), HasSubstr("lacks a file"));
  EXPECT_THAT(refusal("weights"), HasSubstr("lacks a file"));
  EXPECT_THAT(refusal("radial:wide"), HasSubstr("not a number"));
  EXPECT_THAT(refusal("radial:2x"), HasSubstr("not a number"));
}

TEST(reduction_plan, refuses_items_that_contradict_each_other) {
  EXPECT_THAT(refusal("com:centre,com:descan"), HasSubstr("contradicts com:centre"));
  EXPECT_THAT(refusal("radial:2,radial-profile:3"), HasSubstr("all rings have one width"));
  EXPECT_THAT(refusal("phase"), HasSubstr("ask for com too"));
  EXPECT_EQ(refusal("phase,com"), "nothing was refused");
  EXPECT_THAT(refusal("com,phase:round"), HasSubstr("they are even or periodic"));
  EXPECT_THAT(refusal("com,scan-rotation:left"), HasSubstr("lacks a number, as in scan-rotation:-12.5, or auto"));
  EXPECT_THAT(refusal("com,scan-rotation:"), HasSubstr("lacks a number"));
  EXPECT_THAT(refusal("com,scan-rotation:auto,scan-rotation:3"), HasSubstr("not both"));
  EXPECT_THAT(refusal("scan-rotation:3"), HasSubstr("ask for com too"));
  EXPECT_THAT(refusal("com,flip:perhaps"), HasSubstr("neither flip nor flip:no"));
  EXPECT_THAT(refusal("com,descan-from:0:3,0:4"), HasSubstr("com:descan"));
  EXPECT_THAT(refusal("com,phase-high-pass:2"), HasSubstr("ask for phase too"));
  EXPECT_THAT(refusal("com,phase,phase-high-pass:0"), HasSubstr("above 0"));
  EXPECT_THAT(refusal("com,phase,voltage:300"), HasSubstr("step of the scan"));
  EXPECT_THAT(refusal("com,com:centre,phase:periodic"), HasSubstr("cannot hold the ramp"));
  for (const char* none : {"radial:0", "radial:-1", "radial-profile:0"}) EXPECT_THAT(refusal(none), HasSubstr("width above 0"));
  reduction_plan origin_alone = empty_plan();
  origin_alone.origin = deflection_origin::descan;
  EXPECT_THROW(validate(origin_alone), invalid_argument);
}

TEST(reduction_plan, knows_whether_it_needs_a_centre) {
  for (const char* items : {"sum", "max", "com", "com:descan", "weights:w.npy", "mask:m.npy", "virtual:disk:3@1,2"})
    EXPECT_FALSE(parse_plan(items).needs_centre()) << items;
  for (const char* items : {"com:centre", "radial", "radial-profile", "virtual:disk:3", "virtual:disk:3@1,2,virtual:disk:3"}) {
    EXPECT_TRUE(parse_plan(items).needs_centre()) << items;
  }
  reduction_plan origin_alone = empty_plan();
  origin_alone.origin = deflection_origin::centre;
  EXPECT_FALSE(origin_alone.needs_centre());
}

TEST(reduction_plan, takes_what_is_done_with_centres_of_mass) {
  const reduction_plan plan = parse_plan(
      "com:descan,descan-from:0:4,:,phase:periodic,phase-high-pass:2.5,scan-rotation:-30.5,flip,pixel-mrad:0.2,voltage:300,"
      "scan-step:0.05,sum");
  EXPECT_TRUE(plan.phase && plan.sum);
  deflection_options wanted;
  wanted.rotation_degrees = -30.5;
  wanted.flip = true;
  wanted.descan_from = "0:4,:";
  wanted.edges = scan_edges::periodic;
  wanted.high_pass = 2.5;
  wanted.scale = {0.2, 0, 300, 0.05};
  EXPECT_EQ(plan.deflections, wanted);
  EXPECT_NO_THROW(validate(plan, {4, 9, 1}));
  EXPECT_THROW(validate(plan, {3, 9, 1}), invalid_argument);
  const reduction_plan found = parse_plan("com,scan-rotation:auto,flip:no");
  EXPECT_TRUE(found.deflections.find_rotation);
  EXPECT_EQ(found.deflections.flip, false);
}

TEST(reduction_plan, is_empty_until_something_is_to_be_computed) {
  EXPECT_TRUE(empty_plan().is_empty());
  EXPECT_TRUE(parse_plan("skip-incomplete").is_empty());
  for (const char* items : {"sum", "max", "com", "radial", "radial-profile", "virtual:disk:3", "weights:w.npy"}) {
    EXPECT_FALSE(parse_plan(items).is_empty()) << items;
  }
}

}  // namespace
