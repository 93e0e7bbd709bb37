#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <countem/types.hpp>

namespace countem {

/// How a detector is read out in sectors (modules). Sector m of `rows` covers rows [m h/4, (m+1) h/4); of `columns`, columns
/// likewise. A detector without sectors is `none`: its frames arrive whole or not at all.
enum class sector_split : std::uint8_t { none, rows, columns };

/// Sectors of a detector that has any.
inline constexpr std::uint32_t sectors_per_frame = 4;
/// The present-mask of a complete frame.
inline constexpr std::uint8_t all_sectors = 0x0f;

/// One raw frame, not owned. It lies in memory as 1 or 4 horizontal bands of equal height, each contiguous and row-major, so
/// that sectors which a file keeps apart can be counted where they are. No alignment is promised beyond the pixel's own size.
struct frame_view {
  frame_shape shape{};                      ///< of the whole frame, all bands together
  pixel_type type = pixel_type::u16;        ///< of each pixel, native byte order
  sector_split split = sector_split::none;  ///< what the bits of `present` stand for
  /// Bit m: sector m arrived. `all_sectors` for a complete frame; 0: the frame never arrived, and no band may be read.
  std::uint8_t present = all_sectors;
  /// A record of this frame was cut short; what it should have held is missing from `present`.
  bool truncated = false;
  /// 1 or 4; the height of the frame is a multiple of it.
  std::uint8_t band_count = 1;
  /// First byte of each band. Null where every sector of the band is missing.
  std::array<const std::byte*, sectors_per_frame> bands{};

  /// Rows per band.
  [[nodiscard]] std::uint32_t band_height() const { return shape.height / band_count; }

  /// First byte of a row, or null where the row's band is missing.
  [[nodiscard]] const std::byte* row(std::uint32_t y) const {
    const std::uint32_t band = y / band_height();
    const std::byte* start = bands[band];
    return start == nullptr ? nullptr : start + std::size_t{y - band * band_height()} * shape.width * size_of(type);
  }

  /// Whether the sector that holds this pixel arrived.
  [[nodiscard]] bool arrived(std::uint32_t row_index, std::uint32_t column) const {
    if (split == sector_split::none) return present != 0;
    const std::uint32_t sector = split == sector_split::rows ? row_index / (shape.height / sectors_per_frame)
                                                             : column / (shape.width / sectors_per_frame);
    return ((present >> sector) & 1U) != 0;
  }
};

/// Where the bytes of frames come from: ordinary memory, or memory that a counter provides (counter::frame_memory).
/// Safe to call from several threads at once.
class frame_memory {
 public:
  frame_memory() = default;
  frame_memory(const frame_memory&) = delete;
  frame_memory& operator=(const frame_memory&) = delete;
  virtual ~frame_memory() = default;

  /// 64-byte aligned, contents undefined.
  virtual std::byte* allocate(std::size_t bytes) = 0;
  /// Takes back what allocate() of the same object returned.
  virtual void release(std::byte* memory) noexcept = 0;
};

/// Consecutive frames in scan order and the storage that their bytes lie in.
/// Reused from batch to batch so that storage is allocated once. Move-only.
class frame_batch {
 public:
  /// `from` null: ordinary memory.
  explicit frame_batch(std::shared_ptr<frame_memory> from = nullptr) : memory_(nullptr, {std::move(from)}) {}
  /// Storage moves with the batch; views into it stay valid.
  frame_batch(frame_batch&&) = default;
  /// Storage moves with the batch; views into it stay valid.
  frame_batch& operator=(frame_batch&&) = default;
  frame_batch(const frame_batch&) = delete;
  frame_batch& operator=(const frame_batch&) = delete;
  ~frame_batch() = default;

  std::uint64_t first_frame = 0;   ///< frame number of frames[0]
  std::vector<frame_view> frames;  ///< one per frame; they refer to the storage or to memory of the source

  /// At least `bytes` of 64-byte aligned storage, contents undefined; invalidates what an earlier call returned.
  std::byte* storage(std::size_t bytes);

 private:
  struct giver {
    std::shared_ptr<frame_memory> from;
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], giver> memory_;
  std::size_t capacity_ = 0;
};

/// A view of a contiguous frame that lies in memory in one piece.
[[nodiscard]] frame_view contiguous_frame(frame_shape shape, pixel_type type, const void* pixels);

}  // namespace countem
