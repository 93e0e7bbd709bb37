#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <countem/types.hpp>

#include "host/analysis/bright_field.hpp"
#include "host/analysis/complete_frames.hpp"

namespace countem::analysis {

/// Virtual images of groups of pixels, [group][position], of a scan of that shape, and the frames that each position has.
struct group_images {
  scan_shape scan{};                  ///< of the images
  std::size_t groups = 0;             ///< number of images
  std::vector<std::uint32_t> counts;  ///< [group * positions + position]
  std::vector<std::uint32_t> frames;  ///< [position] complete frames

  /// The image of a group.
  [[nodiscard]] std::span<const std::uint32_t> image(std::size_t group) const {
    return std::span(counts).subspan(group * frames.size(), frames.size());
  }
};

/// Reads the frames of the window once. @throws as for_complete_frames() does.
[[nodiscard]] group_images read_group_images(const event_store& store, const scan_window& window, const pixel_groups& groups,
                                             const reading_options& reading);

}  // namespace countem::analysis
