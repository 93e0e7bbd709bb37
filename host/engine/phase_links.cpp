#include "host/engine/phase_links.hpp"

#include <algorithm>
#include <numeric>

namespace countem::engine {

namespace {

/// A line of the scan: positions first, first + step, ...
struct scan_line {
  std::size_t first;
  std::size_t step;
  std::size_t length;

  [[nodiscard]] std::uint32_t at(std::size_t index) const { return static_cast<std::uint32_t>(first + index * step); }
  [[nodiscard]] double index_of(std::uint32_t position) const { return static_cast<double>((position - first) / step); }
};

template <class Do>
void for_lines_down(const scan_shape& scan, Do&& act) {
  for (std::size_t column = 0; column < scan.width; ++column) act(scan_line{column, scan.width, scan.height});
}

template <class Do>
void for_lines_right(const scan_shape& scan, Do&& act) {
  for (std::size_t row = 0; row < scan.height; ++row) act(scan_line{row * scan.width, 1, scan.width});
}

void link_line(const scan_line& line, const std::vector<double>& electrons, scan_edges edges, scan_links& links) {
  std::vector<std::uint32_t> there;
  for (std::size_t i = 0; i < line.length; ++i) {
    if (electrons[line.at(i)] > 0) there.push_back(line.at(i));
  }
  const auto join = [&](std::uint32_t from, std::uint32_t to, double length) {
    links.next[from] = to;
    links.weight[from] = 2 / (length * length * (1 / electrons[from] + 1 / electrons[to]));
  };
  for (std::size_t j = 1; j < there.size(); ++j) {
    join(there[j - 1], there[j], line.index_of(there[j]) - line.index_of(there[j - 1]));
  }
  if (edges == scan_edges::periodic && there.size() > 1) {
    join(there.back(), there.front(),
         static_cast<double>(line.length) + line.index_of(there.front()) - line.index_of(there.back()));
  }
}

/// Solves the tridiagonal equations below[j] x[j - 1] + middle[j] x[j] + above[j] x[j + 1] = right[j]; `middle` and `right` are
/// used up, and `right` becomes x.
void solve_tridiagonal(const std::vector<double>& below, std::vector<double>& middle, const std::vector<double>& above,
                       std::vector<double>& right) {
  for (std::size_t j = 1; j < right.size(); ++j) {
    const double factor = below[j] / middle[j - 1];
    middle[j] -= factor * above[j - 1];
    right[j] -= factor * right[j - 1];
  }
  for (std::size_t j = right.size(); j-- > 0;) {
    if (j + 1 < right.size()) right[j] -= above[j] * right[j + 1];
    right[j] /= middle[j];
  }
}

/// Second derivatives at the nodes of the cubic spline through values at nodes `length[j]` apart. The first and the last piece
/// are parabolas.
std::vector<double> open_spline(const std::vector<double>& length, const std::vector<double>& value) {
  const std::size_t inner = value.size() - 2;
  std::vector<double> below(inner);
  std::vector<double> middle(inner);
  std::vector<double> above(inner);
  std::vector<double> bend(inner);
  for (std::size_t j = 0; j < inner; ++j) {
    below[j] = length[j] / 6;
    middle[j] = (length[j] + length[j + 1]) / 3;
    above[j] = length[j + 1] / 6;
    bend[j] = (value[j + 2] - value[j + 1]) / length[j + 1] - (value[j + 1] - value[j]) / length[j];
  }
  middle.front() += below.front();
  middle.back() += above.back();
  solve_tridiagonal(below, middle, above, bend);
  bend.insert(bend.begin(), bend.front());
  bend.push_back(bend.back());
  return bend;
}

/// The same on a closed line, where length[j] leads from node j to the next and from the last to the first: the equations of
/// the open line and one more for the pair that closes it (Sherman and Morrison's formula).
std::vector<double> closed_spline(const std::vector<double>& length, const std::vector<double>& value) {
  const std::size_t nodes = value.size();
  std::vector<double> below(nodes);
  std::vector<double> middle(nodes);
  std::vector<double> above(nodes);
  std::vector<double> bend(nodes);
  for (std::size_t j = 0; j < nodes; ++j) {
    const double before = length[(j + nodes - 1) % nodes];
    below[j] = before / 6;
    middle[j] = (before + length[j]) / 3;
    above[j] = length[j] / 6;
    bend[j] = (value[(j + 1) % nodes] - value[j]) / length[j] - (value[j] - value[(j + nodes - 1) % nodes]) / before;
  }
  const double corner = length.back() / 6;
  const double shift = -middle.front();
  std::vector<double> closing(nodes, 0.0);
  closing.front() = shift;
  closing.back() = corner;
  middle.front() -= shift;
  middle.back() -= corner * corner / shift;
  std::vector<double> middle_again = middle;
  solve_tridiagonal(below, middle, above, bend);
  solve_tridiagonal(below, middle_again, above, closing);
  const double ratio = corner / shift;
  const double factor = (bend.front() + ratio * bend.back()) / (1 + closing.front() + ratio * closing.back());
  for (std::size_t j = 0; j < nodes; ++j) bend[j] -= factor * closing[j];
  return bend;
}

void integrate_line(const scan_line& line, const std::vector<double>& map, const scan_links& links, std::vector<double>& rise) {
  std::vector<std::uint32_t> nodes;
  bool closed = false;
  std::vector<double> length;
  std::vector<double> value;
  for (std::size_t i = 0; i < line.length; ++i) {
    const std::uint32_t from = line.at(i);
    const std::uint32_t to = links.next[from];
    if (to == from) continue;
    nodes.push_back(from);
    value.push_back(map[from]);
    closed = to < from;
    const double ahead = line.index_of(to) - line.index_of(from);
    length.push_back(closed ? ahead + static_cast<double>(line.length) : ahead);
  }
  if (nodes.empty()) return;
  if (!closed) {
    const std::uint32_t last = links.next[nodes.back()];
    nodes.push_back(last);
    value.push_back(map[last]);
  }
  std::vector<double> bend(value.size(), 0.0);
  if (value.size() > 2) bend = closed ? closed_spline(length, value) : open_spline(length, value);
  for (std::size_t j = 0; j < length.size(); ++j) {
    const std::size_t k = (j + 1) % value.size();
    const double h = length[j];
    rise[nodes[j]] = h * (value[j] + value[k]) / 2 - h * h * h * (bend[j] + bend[k]) / 24;
  }
}

}  // namespace

phase_links make_links(const std::vector<double>& electrons, const scan_shape& scan, scan_edges edges) {
  phase_links links;
  for (scan_links* way : {&links.down, &links.right}) {
    way->next.resize(electrons.size());
    std::iota(way->next.begin(), way->next.end(), 0U);
    way->weight.assign(electrons.size(), 0);
  }
  for_lines_down(scan, [&](const scan_line& line) { link_line(line, electrons, edges, links.down); });
  for_lines_right(scan, [&](const scan_line& line) { link_line(line, electrons, edges, links.right); });
  return links;
}

phase_rises integrate_links(const deflection& maps, const phase_links& links, const scan_shape& scan) {
  phase_rises rises{std::vector<double>(maps.row.size()), std::vector<double>(maps.row.size())};
  for_lines_down(scan, [&](const scan_line& line) { integrate_line(line, maps.row, links.down, rises.down); });
  for_lines_right(scan, [&](const scan_line& line) { integrate_line(line, maps.column, links.right, rises.right); });
  return rises;
}

std::vector<std::uint8_t> largest_part(const std::vector<double>& electrons, const phase_links& links) {
  std::vector<std::uint32_t> leader(electrons.size());
  std::iota(leader.begin(), leader.end(), 0U);
  const auto lead = [&](std::uint32_t position) {
    while (leader[position] != position) position = leader[position] = leader[leader[position]];
    return position;
  };
  for (const scan_links* way : {&links.down, &links.right}) {
    for (std::uint32_t position = 0; position < electrons.size(); ++position) {
      const std::uint32_t a = lead(position);
      const std::uint32_t b = lead(way->next[position]);
      leader[std::max(a, b)] = std::min(a, b);
    }
  }
  std::vector<std::uint64_t> size(electrons.size());
  for (std::uint32_t position = 0; position < electrons.size(); ++position) size[lead(position)] += electrons[position] > 0;
  const auto largest = static_cast<std::uint32_t>(std::max_element(size.begin(), size.end()) - size.begin());
  std::vector<std::uint8_t> part(electrons.size());
  for (std::uint32_t position = 0; position < electrons.size(); ++position) {
    part[position] = electrons[position] > 0 && lead(position) == largest;
  }
  return part;
}

}  // namespace countem::engine
