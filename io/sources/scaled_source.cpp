#include "io/sources/scaled_source.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#include "io/sources/pixel_conversion.hpp"

namespace countem::io {

namespace {

template <class Pixel>
void scale_row(const std::byte* from, std::size_t width, double factor, float* to) {
  for (std::size_t x = 0; x < width; ++x) {
    Pixel value;
    std::memcpy(&value, from + x * sizeof(Pixel), sizeof(Pixel));
    to[x] = nearest_float(static_cast<double>(value) * factor);
  }
}

void scale_row(pixel_type type, const std::byte* from, std::size_t width, double factor, float* to) {
  switch (type) {
    case pixel_type::u8: return scale_row<std::uint8_t>(from, width, factor, to);
    case pixel_type::u16: return scale_row<std::uint16_t>(from, width, factor, to);
    case pixel_type::u32: return scale_row<std::uint32_t>(from, width, factor, to);
    case pixel_type::f32: return scale_row<float>(from, width, factor, to);
  }
}

class scaled_source final : public frame_source {
 public:
  scaled_source(std::unique_ptr<frame_source> frames, double factor)
      : frames_(std::move(frames)), factor_(factor), info_(frames_->info()) {
    info_.type = pixel_type::f32;
  }

  [[nodiscard]] const source_info& info() const override { return info_; }

  void read(std::uint64_t first, std::size_t count, frame_batch& batch) const override {
    frame_batch raw;
    frames_->read(first, count, raw);
    batch.first_frame = first;
    batch.frames.clear();
    const std::size_t frame_pixels = info_.shape.pixels();
    auto* const pixels = reinterpret_cast<float*>(batch.storage(count * frame_pixels * sizeof(float)));
    for (std::size_t i = 0; i < raw.frames.size(); ++i) {
      const frame_view& from = raw.frames[i];
      float* const to = pixels + i * frame_pixels;
      frame_view scaled = contiguous_frame(info_.shape, pixel_type::f32, to);
      scaled.split = from.split;
      scaled.present = from.present;
      scaled.truncated = from.truncated;
      if (from.present == 0) scaled.bands[0] = nullptr;
      for (std::uint32_t row = 0; from.present != 0 && row < info_.shape.height; ++row) {
        float* const row_to = to + std::size_t{row} * info_.shape.width;
        const std::byte* const row_from = from.row(row);
        if (row_from == nullptr) {
          std::fill_n(row_to, info_.shape.width, 0.0F);  // of a sector that is missing: never looked into
        } else {
          scale_row(from.type, row_from, info_.shape.width, factor_, row_to);
        }
      }
      batch.frames.push_back(scaled);
    }
  }

  [[nodiscard]] frame_arrival arrival(std::uint64_t number) const override { return frames_->arrival(number); }

 private:
  std::unique_ptr<frame_source> frames_;
  double factor_;
  source_info info_;
};

}  // namespace

std::unique_ptr<frame_source> scaled(std::unique_ptr<frame_source> frames, double factor) {
  return std::make_unique<scaled_source>(std::move(frames), factor);
}

}  // namespace countem::io
