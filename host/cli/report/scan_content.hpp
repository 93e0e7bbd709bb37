#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <countem/event_store.hpp>
#include <countem/found_beam.hpp>
#include <countem/phase_options.hpp>
#include <countem/scan_reducer.hpp>
#include <countem/store_batches.hpp>

#include "host/cli/report/arrival_content.hpp"
#include "host/cli/report/cells.hpp"
#include "host/cli/report/centre_content.hpp"
#include "host/cli/report/embedded_frames.hpp"

// What a report shows of a scan, computed from its events in bounded memory.
namespace countem::cli::report {

/// A virtual detector and what people call it.
struct named_detector {
  std::string label;
  virtual_detector detector;
};

/// The detectors of a report that was given none: bright field, annular bright field, and dark fields at low and high angles,
/// from the radius of the unscattered beam.
[[nodiscard]] std::vector<named_detector> usual_detectors(const found_beam& beam);

struct content_options {
  std::vector<named_detector> detectors;  ///< in detector pixels; empty: the usual ones
  std::vector<std::uint8_t> excluded;     ///< [cell] not 0: counts in no detector, ring or centre of mass; empty: none
  /// The centre, given or found elsewhere, in detector pixels; unset: that of the summed pattern's beam.
  std::optional<found_beam> beam;
  deflection_options axes;  ///< the rotation and flip from detector to scan axes, or that they are to be found
  incomplete_frames incomplete = incomplete_frames::keep;
  backend where = backend::cpu;  ///< not automatic
  reading_options reading;
};

struct count_histogram {
  std::uint64_t first = 0;  ///< events of the first bin
  std::uint64_t step = 1;
  std::vector<std::uint64_t> frames;
};

/// Electrons in each cell of a map or of the pattern.
struct cell_map {
  std::vector<std::uint64_t> electrons;
  std::vector<std::uint8_t> absent;  ///< 1 where nothing arrived of what the map is made of; empty: everywhere something did
};

/// Places and lengths on the detector are in cells of the store's grid where nothing else is named.
struct scan_content {
  frame_choice cell;  ///< positions (stride) and pixels (bin) a side that one cell of a map or of the pattern stands for
  scan_shape maps{};  ///< cells of the maps
  frame_shape pattern{};
  cell_map sum;  ///< [pattern cell] all frames added up
  detector_point centre{};
  found_beam centre_from;     ///< how the centre was found, in detector pixels
  bool centre_guess = false;  ///< no beam was found and no centre given
  found_beam beam;            ///< the unscattered beam, in detector pixels; its radius is also known where the centre was given
  bool beam_guess = false;    ///< no beam was found and the usual detectors are used
  std::vector<named_detector> detectors;
  std::vector<cell_map> virtual_images;  ///< [detector]
  cell_map counts;
  centre_content centres;
  arrival_content arrived;
  count_histogram events_per_frame;
  double ring_step = 1;
  std::vector<double> radial;        ///< electrons a pixel and ring of the summed pattern
  std::vector<double> radial_error;  ///< standard errors of those
  std::uint64_t events = 0;
  std::pair<std::uint64_t, std::uint64_t> exposed{};  ///< events and frames that show the dose
  double imaging_seconds = 0;  ///< that it took to read all events and make virtual images and centres of mass from them
};

/// Computes everything but the frames; `costs` learns what those would cost.
/// @throws as for_batches(), and invalid_argument for a detector that does not fit.
[[nodiscard]] scan_content compute_content(const event_store& store, const content_options& options, frame_costs& costs);

/// Cells of maps and pattern, so that neither outgrows a page: at most some hundred thousand positions, a million pixels.
[[nodiscard]] frame_choice cell_of(const scan_shape& scan, frame_shape shape);
/// Cells of its maps at most.
inline constexpr std::uint64_t most_map_cells = std::uint64_t{1} << 18U;

}  // namespace countem::cli::report
