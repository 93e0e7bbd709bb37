#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <countem/event_store.hpp>

namespace countem::cli::report {

/// Bits of arrival_content::status; the lower four: sectors that a frame at the position lacks.
enum cell_status : std::uint8_t {
  cell_truncated = 0x10,
  cell_xray = 0x20,
  cell_never_arrived = 0x80,  ///< a frame of which nothing is there
};

/// How many frames lack what.
struct completeness {
  std::uint64_t frames = 0;
  std::uint64_t complete = 0;
  std::uint64_t incomplete = 0;  ///< lack a sector or were cut short
  std::uint64_t never_arrived = 0;
  std::uint64_t truncated = 0;
  std::uint64_t with_xrays = 0;
  std::uint64_t xrays = 0;
  std::array<std::uint64_t, sectors_per_frame> without_sector{};
};

/// What arrived of a scan.
struct arrival_content {
  completeness complete;
  std::vector<std::uint8_t> status;  ///< [cell] cell_status
  double share = 1;                  ///< of all pixels of all frames
  std::vector<double> shares;        ///< [cell] the same of a cell's frames; empty: everything arrived
};

/// A frame is there once its count is, and some of its sectors are.
[[nodiscard]] bool has_arrived(const event_store& store, std::uint64_t frame);

/// From the status of every frame, in cells of `stride` positions a side.
[[nodiscard]] arrival_content arrival_of(const event_store& store, std::uint32_t stride);

}  // namespace countem::cli::report
