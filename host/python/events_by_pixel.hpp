#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <countem/frame.hpp>

#include "host/python/arrays.hpp"

namespace countem::python {

/// The electrons of a scan the other way round: for each detector pixel, the positions at which it was hit. A virtual image
/// whose detector changes a little is changed by the electrons of the pixels that came or went, instead of by those of the
/// scan.
///
/// Tiles of 8 x 8 pixels with more electrons than there are positions also have their image, so that a whole tile costs no more
/// than the scan has positions. Memory: 4 bytes an electron, and at most as many again for tiles.
class events_by_pixel {
 public:
  /// Electrons of frame f are indices[indptr[f]] to indices[indptr[f + 1]], ascending; frames follow position after position,
  /// so many each. They are not needed afterwards. `threads`: 0 for all. @throws invalid_argument when they contradict each
  /// other, std::bad_alloc
  events_by_pixel(frame_shape shape, std::uint32_t frames_per_position, std::span<const std::uint64_t> indptr,
                  std::span<const std::uint32_t> indices, unsigned threads);

  /// Adds to `image` [position] the electrons of pixels that are in the mask `now` and not in `before`, and subtracts those of
  /// pixels that are in `before` and not in `now`. Exact for any order of changes. @throws invalid_argument when a size is
  /// wrong
  void change(std::span<const std::uint8_t> before, std::span<const std::uint8_t> now, std::span<std::uint32_t> image) const;

  [[nodiscard]] std::size_t positions() const { return positions_; }
  [[nodiscard]] std::size_t pixels() const { return begins_.size() - 1; }
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::uint32_t tile_side = 8;
  static constexpr std::size_t no_image = SIZE_MAX;

  struct changed_pixels;

  void sort_by_pixel(std::span<const std::uint64_t> indptr, std::span<const std::uint32_t> indices);
  void make_tile_images();
  void plan_tile(std::size_t tile, std::span<const std::uint8_t> before, std::span<const std::uint8_t> now,
                 changed_pixels& changes) const;
  void apply(const changed_pixels& changes, std::size_t first, std::size_t end, std::uint32_t* image) const;
  [[nodiscard]] std::uint64_t electrons(std::size_t pixel) const { return begins_[pixel + 1] - begins_[pixel]; }
  /// Calls `visit` with each pixel of a tile.
  template <class Visit>
  void for_tile(std::size_t tile, const Visit& visit) const;

  frame_shape shape_;
  std::uint32_t frames_per_position_;
  unsigned threads_;
  std::size_t positions_;
  std::size_t tiles_across_;
  std::size_t tiles_;
  std::vector<std::uint64_t> begins_;    // [pixel + 1] in at_
  buffer<std::uint32_t> at_;             // position of each electron, pixel after pixel
  std::vector<std::size_t> tile_image_;  // [tile]: which of the images, or no_image
  buffer<std::uint32_t> images_;         // [image][position]
};

}  // namespace countem::python
