#include "io/sources/hdf5/sentinels.hpp"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <limits>

#include <countem/error.hpp>
#include <countem/frame.hpp>

namespace countem::io {

namespace {

constexpr std::uint64_t sampled_frames = 5;

/// Leaves those marks where the frame holds a sentinel, too.
template <std::unsigned_integral T>
void keep_sentinels(const frame_view& frame, std::vector<std::uint8_t>& marks) {
  for (std::size_t pixel = 0; pixel < marks.size(); ++pixel) {
    T value = 0;
    std::memcpy(&value, frame.bands[0] + pixel * sizeof value, sizeof value);
    if (value < std::numeric_limits<T>::max() - 1) marks[pixel] = 0;
  }
}

}  // namespace

std::size_t mark_sentinels(const frame_source& frames, std::vector<std::uint8_t>& masked) try {
  const source_info& info = frames.info();
  if (info.type == pixel_type::f32) return 0;
  std::vector<std::uint8_t> marks(info.shape.pixels(), 1);
  bool seen = false;
  frame_batch batch;
  const std::uint64_t step = std::max<std::uint64_t>(1, info.scan.frames() / sampled_frames);
  for (std::uint64_t number = 0; number < info.scan.frames(); number += step) {
    frames.read(number, 1, batch);
    const frame_view& frame = batch.frames.front();
    if (frame.present == 0) continue;
    seen = true;
    switch (info.type) {
      case pixel_type::u8: keep_sentinels<std::uint8_t>(frame, marks); break;
      case pixel_type::u16: keep_sentinels<std::uint16_t>(frame, marks); break;
      case pixel_type::u32: keep_sentinels<std::uint32_t>(frame, marks); break;
      case pixel_type::f32: break;
    }
  }
  if (!seen) return 0;
  std::size_t more = 0;
  for (std::size_t pixel = 0; pixel < marks.size(); ++pixel)
    more += marks[pixel] != 0 && (masked.empty() || masked[pixel] == 0);
  if (more == 0) return 0;
  masked.resize(marks.size());
  std::ranges::transform(masked, marks, masked.begin(),
                         [](std::uint8_t known, std::uint8_t mark) { return known != 0 || mark != 0; });
  return more;
} catch (const error&) {  // who counts these frames gets the sentence
  return 0;
}

}  // namespace countem::io
