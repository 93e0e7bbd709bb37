#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <countem/deflection.hpp>
#include <countem/phase_options.hpp>
#include <countem/types.hpp>

namespace countem::engine {

/// Along every line of the scan, the links between positions with electrons that follow each other.
struct scan_links {
  std::vector<std::uint32_t> next;  ///< [position] the next one with electrons; the position itself where there is none
  std::vector<double> weight;       ///< [position] of the link to it, 1 between neighbours of one electron each
};

/// The links of both directions.
struct phase_links {
  scan_links down;   ///< from row to row
  scan_links right;  ///< from column to column
};

/// The links of a scan. Where positions without electrons lie between, a link spans them. Its weight is the inverse variance of
/// the mean of its ends' deflections times its length: 2 / (length^2 (1 / electrons + 1 / electrons)).
/// @param electrons [position] electrons, or any other weight of a position; 0: nothing is known there
[[nodiscard]] phase_links make_links(const std::vector<double>& electrons, const scan_shape& scan, scan_edges edges);

/// What the phase rises along every link: the integral of the cubic spline through the deflections along the line.
struct phase_rises {
  std::vector<double> down;   ///< [position]
  std::vector<double> right;  ///< [position]
};

/// @param maps finite where the links begin and end
[[nodiscard]] phase_rises integrate_links(const deflection& maps, const phase_links& links, const scan_shape& scan);

/// The positions of the largest set that is connected by links, as 1; all others, also those without electrons, are 0.
[[nodiscard]] std::vector<std::uint8_t> largest_part(const std::vector<double>& electrons, const phase_links& links);

}  // namespace countem::engine
