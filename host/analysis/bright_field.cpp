#include "host/analysis/bright_field.hpp"

#include <cmath>
#include <map>
#include <utility>

namespace countem::analysis {

pixel_groups group_pixels(const bright_field& disk, unsigned across) {
  pixel_groups made;
  made.width = 2 * disk.radius / across;
  made.labels.assign(disk.shape.pixels(), displacement_map::nowhere);
  std::map<std::pair<int, int>, std::size_t> numbers;
  disk.for_pixels([&](std::uint64_t pixel, double row, double column) {
    if (disk.sum[pixel] == 0) return;
    const std::pair<int, int> place{static_cast<int>(std::lround(row / made.width)),
                                    static_cast<int>(std::lround(column / made.width))};
    const std::size_t number = numbers.emplace(place, made.groups.size()).first->second;
    if (number == made.groups.size()) made.groups.push_back({place.first, place.second});
    pixel_group& group = made.groups[number];
    const auto electrons = static_cast<double>(disk.sum[pixel]);
    group.row += electrons * row;
    group.column += electrons * column;
    group.electrons += electrons;
    made.labels[pixel] = static_cast<std::int32_t>(number);
  });
  for (pixel_group& group : made.groups) {
    group.row /= group.electrons;
    group.column /= group.electrons;
  }
  return made;
}

}  // namespace countem::analysis
