// What must hold for any frame, whatever the numbers: the reference counter against its own symmetries and a second labelling.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include <countem/counting.hpp>

namespace {

using namespace countem;

/// A random frame with hits in clumps, sometimes dense, sometimes with X-rays, and a setup that counts it.
struct scene {
  std::vector<std::uint16_t> pixels;
  counting_setup setup;
};

scene random_scene() {
  scene made;
  const auto height = *rc::gen::inRange<std::uint32_t>(1, 24);
  const auto width = *rc::gen::inRange<std::uint32_t>(1, 24);
  made.setup.shape = {height, width};
  made.setup.calibrated.shape = made.setup.shape;
  made.setup.calibrated.background16 = background_from_adu(10);
  if (*rc::gen::arbitrary<bool>()) made.setup.calibrated.xray16 = xray_from_adu(60);
  made.setup.options.method = *rc::gen::element(counting_method::cluster, counting_method::maximum, counting_method::pixels);
  const int percent = *rc::gen::element(0, 2, 10, 40, 90);
  made.pixels = *rc::gen::container<std::vector<std::uint16_t>>(
      height * width, rc::gen::map(rc::gen::inRange(0, 100 * 64), [percent](int number) {
        return static_cast<std::uint16_t>(number % 100 < percent ? number / 100 : number / 1000);
      }));
  return made;
}

event_batch count(const counting_setup& setup, const std::vector<std::uint16_t>& pixels) {
  const frame_view frame = contiguous_frame(setup.shape, setup.type, pixels.data());
  event_batch out;
  reference::make_counter(setup)->count({&frame, 1}, out);
  return out;
}

RC_GTEST_PROP(counting, events_are_sorted_and_inside_the_frame, ()) {
  scene made = random_scene();
  const bool cluster = made.setup.options.method == counting_method::cluster;
  if (cluster) made.setup.options.upsample = *rc::gen::inRange(1U, 5U);
  const event_batch out = count(made.setup, made.pixels);
  RC_ASSERT(std::is_sorted(out.indices.begin(), out.indices.end()));
  const std::uint64_t grid = event_grid(made.setup).pixels();
  RC_ASSERT(std::ranges::all_of(out.indices, [&](std::uint32_t index) { return index < grid; }));
}

RC_GTEST_PROP(counting, moving_the_picture_moves_the_events, ()) {
  const scene made = random_scene();
  const auto down = *rc::gen::inRange<std::uint32_t>(0, 5);
  const auto right = *rc::gen::inRange<std::uint32_t>(0, 5);
  const auto [height, width] = made.setup.shape;
  counting_setup larger = made.setup;
  larger.shape = larger.calibrated.shape = {height + down + 3, width + right + 3};
  std::vector<std::uint16_t> moved(larger.shape.pixels(), 0);
  for (std::uint32_t p = 0; p < made.pixels.size(); ++p) {
    moved[(p / width + down) * larger.shape.width + p % width + right] = made.pixels[p];
  }
  std::vector<std::uint32_t> expected = count(made.setup, made.pixels).indices;
  for (std::uint32_t& index : expected) index = (index / width + down) * larger.shape.width + index % width + right;
  RC_ASSERT(count(larger, moved).indices == expected);
}

RC_GTEST_PROP(counting, transposing_the_picture_transposes_the_events, ()) {
  const scene made = random_scene();
  const auto [height, width] = made.setup.shape;
  counting_setup turned = made.setup;
  turned.shape = turned.calibrated.shape = {width, height};
  std::vector<std::uint16_t> pixels(made.pixels.size());
  for (std::uint32_t p = 0; p < made.pixels.size(); ++p) pixels[p % width * height + p / width] = made.pixels[p];
  std::vector<std::uint32_t> expected = count(made.setup, made.pixels).indices;
  for (std::uint32_t& index : expected) index = index % width * height + index / width;
  std::sort(expected.begin(), expected.end());
  RC_ASSERT(count(turned, pixels).indices == expected);
}

RC_GTEST_PROP(counting, a_common_offset_in_frame_and_dark_changes_nothing, ()) {
  const scene made = random_scene();
  scene raised = made;
  raised.setup.calibrated.dark16.resize(made.pixels.size());
  for (std::size_t p = 0; p < made.pixels.size(); ++p) {
    const auto offset = static_cast<std::uint16_t>(*rc::gen::inRange(0, 1000));
    raised.pixels[p] = static_cast<std::uint16_t>(raised.pixels[p] + offset);
    raised.setup.calibrated.dark16[p] = 16 * offset;
  }
  RC_ASSERT(count(raised.setup, raised.pixels).indices == count(made.setup, made.pixels).indices);
}

RC_GTEST_PROP(counting, a_gain_of_one_changes_nothing, ()) {
  const scene made = random_scene();
  scene gained = made;
  gained.setup.calibrated.gain.assign(made.pixels.size(), 1.0F);
  RC_ASSERT(count(gained.setup, made.pixels).indices == count(made.setup, made.pixels).indices);
}

RC_GTEST_PROP(counting, a_masked_pixel_is_one_that_saw_nothing, ()) {
  scene made = random_scene();
  std::vector<std::uint16_t> blind = made.pixels;
  made.setup.calibrated.mask.assign(made.pixels.size(), 0);
  for (std::size_t p = 0; p < made.pixels.size(); ++p) {
    if (!*rc::gen::weightedElement<bool>({{9, false}, {1, true}})) continue;
    made.setup.calibrated.mask[p] = mask_given;
    blind[p] = 0;
  }
  counting_setup unmasked = made.setup;
  unmasked.calibrated.mask.clear();
  RC_ASSERT(count(made.setup, made.pixels).indices == count(unmasked, blind).indices);
}

RC_GTEST_PROP(counting, size_limits_share_out_the_components, ()) {
  scene made = random_scene();
  made.setup.options.method = counting_method::cluster;
  const std::vector<std::uint32_t> all = count(made.setup, made.pixels).indices;
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 6);
  made.setup.options.max_cluster_size = limit;
  std::vector<std::uint32_t> parts = count(made.setup, made.pixels).indices;
  made.setup.options.min_cluster_size = limit + 1;
  made.setup.options.max_cluster_size = 0xffff'ffff;
  const std::vector<std::uint32_t> large = count(made.setup, made.pixels).indices;
  parts.insert(parts.end(), large.begin(), large.end());
  std::sort(parts.begin(), parts.end());
  RC_ASSERT(parts == all);
}

/// Components by union-find over pairs, nothing in common with the flood fill of the reference.
std::size_t components_by_union(const scene& made) {
  const auto [height, width] = made.setup.shape;
  std::vector<std::size_t> parent(made.pixels.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  const auto root = [&](std::size_t p) {
    while (parent[p] != p) p = parent[p];
    return p;
  };
  const auto hit = [&](std::size_t p) { return made.pixels[p] > 10; };
  for (std::size_t p = 0; p < made.pixels.size(); ++p) {
    for (std::size_t q = p + 1; q < made.pixels.size(); ++q) {
      const std::size_t rows = q / width - p / width;
      const std::size_t columns = std::max(q % width, p % width) - std::min(q % width, p % width);
      if (hit(p) && hit(q) && rows <= 1 && columns <= 1) parent[root(p)] = root(q);
    }
  }
  std::size_t roots = 0;
  for (std::size_t p = 0; p < made.pixels.size(); ++p) roots += hit(p) && parent[p] == p;
  return roots;
}

RC_GTEST_PROP(counting, one_event_or_xray_a_component, ()) {
  scene made = random_scene();
  made.setup.options.method = counting_method::cluster;
  const event_batch out = count(made.setup, made.pixels);
  RC_ASSERT(out.indices.size() + out.xrays[0] == components_by_union(made));
}

RC_GTEST_PROP(counting, batches_do_not_show, ()) {
  const scene made = random_scene();
  std::vector<std::uint16_t> other = made.pixels;
  std::reverse(other.begin(), other.end());
  const std::vector<frame_view> frames{contiguous_frame(made.setup.shape, pixel_type::u16, made.pixels.data()),
                                       contiguous_frame(made.setup.shape, pixel_type::u16, other.data())};
  event_batch both;
  const auto counter = reference::make_counter(made.setup);
  counter->count(frames, both);
  const event_batch first = count(made.setup, made.pixels);
  const event_batch second = count(made.setup, other);
  RC_ASSERT(std::ranges::equal(both.events(0), first.indices));
  RC_ASSERT(std::ranges::equal(both.events(1), second.indices));
}

}  // namespace
