#include "host/cli/report/arrival_content.hpp"

#include "host/cli/report/cells.hpp"
#include "host/engine/completeness.hpp"

namespace countem::cli::report {

namespace {

using losses = std::array<std::uint64_t, sectors_per_frame>;

/// Frames of a cell, and how many of them lack each sector.
struct cell_losses {
  std::uint64_t frames = 0;
  losses lost{};
};

/// The sectors of a frame that are missing; all of them where it never arrived.
std::uint8_t missing_sectors(const event_store& store, std::uint64_t frame) {
  if (!has_arrived(store, frame)) return status_sectors;
  return static_cast<std::uint8_t>(~store.status()[frame] & status_sectors);
}

/// Counts a frame. @return what it adds to the status of its cell
std::uint8_t count_frame(const event_store& store, std::uint64_t frame, completeness& found) {
  const std::uint8_t status = store.status()[frame];
  std::uint8_t flags = 0;
  ++found.frames;
  found.xrays += store.xrays()[frame];
  if ((status & status_truncated) != 0) {
    ++found.truncated;
    flags |= cell_truncated;
  }
  if (!has_arrived(store, frame)) {
    ++found.never_arrived;
    return flags | cell_never_arrived;
  }
  const std::uint8_t missing = missing_sectors(store, frame);
  flags = static_cast<std::uint8_t>(flags | missing);
  const bool is_whole = missing == 0 && (status & status_truncated) == 0;
  ++(is_whole ? found.complete : found.incomplete);
  for (std::size_t sector = 0; sector < sectors_per_frame; ++sector) found.without_sector[sector] += missing >> sector & 1U;
  if ((status & status_xray) != 0) {
    ++found.with_xrays;
    flags |= cell_xray;
  }
  return flags;
}

}  // namespace

bool has_arrived(const event_store& store, std::uint64_t frame) {
  return store.counts()[frame] != not_written && countem::has_arrived(store.status()[frame]);
}

arrival_content arrival_of(const event_store& store, std::uint32_t stride) {
  const store_description& described = store.description();
  const scan_shape& scan = described.scan;
  const std::uint64_t number = cells(scan, stride).positions();
  arrival_content content;
  content.status.assign(number, 0);
  std::vector<cell_losses> in_cells(number);
  losses all{};
  for_cells(scan, stride, [&](std::size_t position, std::size_t cell) {
    for (std::uint64_t repeat = 0; repeat < scan.frames_per_position; ++repeat) {
      const std::uint64_t frame = position * scan.frames_per_position + repeat;
      content.status[cell] |= count_frame(store, frame, content.complete);
      const std::uint8_t missing = missing_sectors(store, frame);
      ++in_cells[cell].frames;
      for (std::size_t sector = 0; sector < sectors_per_frame; ++sector) {
        in_cells[cell].lost[sector] += missing >> sector & 1U;
        all[sector] += missing >> sector & 1U;
      }
    }
  });
  if (all == losses{}) return content;
  const engine::sector_weights weights =
      engine::sector_map(described.geometry, described.shape).weigh([](std::uint64_t) { return 1.0; });
  content.share = engine::arrived_share(weights, all, content.complete.frames);
  for (const cell_losses& one : in_cells) content.shares.push_back(engine::arrived_share(weights, one.lost, one.frames));
  return content;
}

}  // namespace countem::cli::report
