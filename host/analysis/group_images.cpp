#include "host/analysis/group_images.hpp"

#include <limits>

#include <countem/error.hpp>

namespace countem::analysis {

group_images read_group_images(const event_store& store, const scan_window& window, const pixel_groups& groups,
                               const reading_options& reading) {
  group_images images;
  images.scan = inside(store.description().scan, window);
  images.groups = groups.groups.size();
  const std::uint64_t positions = images.scan.positions();
  if (images.groups * positions > std::numeric_limits<std::int32_t>::max())
    throw invalid_argument("images of " + std::to_string(images.groups) + " groups of pixels at " + std::to_string(positions) +
                           " positions are too many");
  images.counts.resize(images.groups * positions);
  images.frames.resize(positions);
  displacement_map map{store.description().shape, groups.labels};
  for (std::int32_t& cells : map.cells) {
    if (cells != displacement_map::nowhere) cells *= static_cast<std::int32_t>(positions);
  }
  std::vector<std::uint64_t> places;
  for_complete_frames(store, window, reading, [&](const event_view& frames, std::uint64_t first) {
    places.clear();
    for (std::size_t f = 0; f < frames.frames(); ++f) {
      places.push_back((first + f) / images.scan.frames_per_position);
      ++images.frames[places.back()];
    }
    cpu::add_displaced(frames, map, places, images.counts, reading.threads);
  });
  return images;
}

}  // namespace countem::analysis
