#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <countem/event_store.hpp>

// One scan counted by several processes: the shares that they count, and the stores of these made one again.
namespace countem {

/// One of the shares into which a scan is divided: consecutive frames, those of all shares together the scan, each once. Sizes
/// differ by one frame at most; with more shares than frames some are empty.
struct scan_share {
  std::uint32_t number = 1;       ///< 1 to `of`
  std::uint32_t of = 1;           ///< shares of the scan
  std::uint64_t scan_frames = 0;  ///< frames of the whole scan

  /// floor(scan_frames * (number - 1) / of)
  [[nodiscard]] constexpr std::uint64_t first_frame() const { return boundary(number - 1U); }
  /// floor(scan_frames * number / of): the first frame that is not in it.
  [[nodiscard]] constexpr std::uint64_t end_frame() const { return boundary(number); }
  /// How many it holds, perhaps none.
  [[nodiscard]] constexpr std::uint64_t frames() const { return end_frame() - first_frame(); }
  friend constexpr bool operator==(const scan_share&, const scan_share&) = default;

 private:
  /// Without the product of all frames and shares, which may exceed 64 bits.
  [[nodiscard]] constexpr std::uint64_t boundary(std::uint64_t share) const {
    return scan_frames / of * share + scan_frames % of * share / of;
  }
};

/// The share of this number (1 to `of`). @throws invalid_argument where there is none
[[nodiscard]] scan_share share_of(const scan_shape& scan, std::uint32_t number, std::uint32_t of);

/// "part 3 of 4"
[[nodiscard]] std::string name_of(const scan_share& share);

/// Records in a store's provenance (`part`; docs/event_store.md) that it holds the frames of one share. It replaces an earlier
/// record.
void record_share(store_description& description, const scan_share& share);

/// What record_share() put there; empty where the store is of no share, or where it is a copy of another number of frames.
[[nodiscard]] std::optional<scan_share> recorded_share(const store_description& description);

/// Checks that a finished or unfinished store was counted as a count that is to be resumed would: the same share, thresholds,
/// references and options. Reads it whole. @throws invalid_argument naming each difference; io_error, format_error
void require_same_count(const std::filesystem::path& store, const store_description& description, const store_options& options);

/// CRC-32C of all that decides whether a pixel is a hit (docs/event_store.md), as 8 hexadecimal digits: parts of one scan have
/// the same.
[[nodiscard]] std::string calibration_crc32c(const calibration& used);

}  // namespace countem
