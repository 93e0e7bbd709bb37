#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/reductions.hpp>

namespace countem {

/// What centre_sums takes of each frame; only one of the three kinds is filled.
struct frame_centres {
  std::vector<event_moments> moments;                ///< [frame]
  std::vector<event_second_moments> second_moments;  ///< [frame]
  std::vector<std::int64_t> weighted;                ///< [image * frames + frame]
  std::vector<std::int64_t> weighted_squares;        ///< [image * frames + frame]
};

/// What a scan_reducer takes of each frame of a batch before it is added to the maps of the scan.
struct frame_reductions {
  std::vector<std::uint32_t> counts;   ///< [frame]
  std::vector<std::uint32_t> inside;   ///< [detector * frames + frame]
  std::vector<std::int64_t> weighted;  ///< [weight map * frames + frame]
  std::vector<std::int64_t> squared;   ///< [weight map * frames + frame]
  std::vector<std::uint32_t> radial;   ///< [frame * rings + ring]
  frame_centres centres;
};

namespace engine {

/// Sums of each frame's weights for each image, one image after the other.
inline void weighted_counts(event_reducer& reducer, std::size_t frames, const std::vector<weight_image>& images,
                            std::vector<std::int64_t>& out) {
  out.resize(images.size() * frames);
  for (std::size_t i = 0; i < images.size(); ++i)
    reducer.weighted_counts(images[i], std::span(out).subspan(i * frames, frames));
}

}  // namespace engine

}  // namespace countem
