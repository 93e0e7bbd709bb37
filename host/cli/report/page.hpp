#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "host/cli/report/scan_content.hpp"

namespace countem::cli::report {

/// What the page shows besides what was computed.
struct page_facts {
  std::string title;
  std::string program;       ///< "countem 1.2.3"
  std::string command_line;  ///< that made the page
  std::string backend;       ///< that reduced
  std::uint64_t store_bytes = 0;
  std::optional<double> pixel_mrad;  ///< scattering angle per detector pixel
  std::optional<double> step_nm;     ///< distance of scan positions
  nlohmann::ordered_json dose;     ///< electrons_per_frame, current_pa, electrons_per_square_angstrom; null where none is known
  nlohmann::ordered_json counted;  ///< the output of `countem count --json`; null where none is given
};

/// The page without frames: a whole page of its own, from which the room for frames is found.
/// With frames: `frames` as embed_frames() packed them. Where they are none, the page reports it.
[[nodiscard]] std::string make_page(const store_description& described, const scan_content& content, const page_facts& facts,
                                    const std::optional<embedded_frames>& frames);

}  // namespace countem::cli::report
