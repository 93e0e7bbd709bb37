#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <countem/counting.hpp>
#include <countem/event_store.hpp>
#include <countem/found_beam.hpp>
#include <countem/frame_source.hpp>
#include <countem/reductions.hpp>

namespace countem {

/// Where the common centre of detectors and rings comes from. Neither set: it is found in the pattern itself.
struct centre_choice {
  std::optional<detector_point> point;  ///< as it was given
  std::filesystem::path vacuum;         ///< a scan of the beam alone, or an image of it
};

/// "auto", "ROW,COLUMN", or the name of a file that exists. @throws invalid_argument for anything else.
[[nodiscard]] centre_choice parse_centre(const std::string& text);

/// A centre that was given: neither found nor with errors.
[[nodiscard]] found_beam given_centre(detector_point centre);

/// The masked pixels of a calibration on the grid of events, a cell that holds one among them; empty where none is masked, or
/// the mask fits neither the grid nor the detector.
[[nodiscard]] std::vector<std::uint8_t> masked_events(const calibration& calibrated, frame_shape grid,
                                                      const store_geometry& geometry);

/// A beam found on a grid of cells, in detector pixels.
[[nodiscard]] found_beam in_pixels(found_beam beam, const store_geometry& geometry);
/// And back.
[[nodiscard]] found_beam in_cells(found_beam beam, const store_geometry& geometry);

/// The beam on the sum of frames of a store, in detector pixels. Cells whose `excluded` [cell] is not 0 are left out besides
/// those the store masks; empty: none. @throws invalid_argument when the sum is not of the frame's size.
[[nodiscard]] found_beam find_stored_beam(std::span<const std::uint64_t> sum, const store_description& store,
                                          const std::string& where = "the summed pattern",
                                          std::span<const std::uint8_t> excluded = {});
/// The same on a grid of that geometry; cells whose `masked` [cell] is not 0 are left out, too; empty: none.
[[nodiscard]] found_beam find_stored_beam(std::span<const std::uint64_t> sum, frame_shape grid, const store_geometry& geometry,
                                          const std::vector<std::uint8_t>& masked, const std::string& where,
                                          std::span<const std::uint8_t> excluded = {});

/// The beam on the sum of some frames of the source, evenly spread, counted for this alone, in detector pixels.
[[nodiscard]] found_beam sampled_beam(const frame_source& source, const counting_setup& setup,
                                      std::span<const std::uint8_t> excluded = {});

/// The beam of a vacuum scan: an event store, or an image of the detector (.npy, .mrc, HDF5) that holds electrons or their
/// mean. In detector pixels.
/// @throws invalid_argument when it is of another frame size or shows no beam; as open_event_store() and open_detector_image()
/// do.
[[nodiscard]] found_beam vacuum_beam(const std::filesystem::path& path, frame_shape grid, const store_geometry& geometry,
                                     unsigned threads = 0);

}  // namespace countem
