#include "data_gen/specimen.hpp"

#include <algorithm>
#include <cmath>

namespace countem::data_gen {

namespace {

// Lengths on the detector are in units of its shorter side, lengths in the field of view in units of its longer side.
constexpr double disk_radius = 0.19;        // convergence semi-angle
constexpr double lattice_spacing = 1.85;    // shortest reciprocal vector, in disk radii: neighbouring disks just overlap
constexpr double lattice_variation = 0.12;  // relative, over the two kinds of crystal
constexpr double envelope = 2.6;            // rms extent of the excited reflections, in disk radii
constexpr double largest_tilt = 0.9;        // in disk radii
constexpr int highest_order = 3;

constexpr std::size_t particle_count = 16;
constexpr double smallest_particle = 0.06;
constexpr double largest_particle = 0.16;
constexpr double hole_row = 0.24;
constexpr double hole_column = 0.76;
constexpr double hole_radius = 0.17;

// Relative weights of the parts of a pattern; the bright-field disk of the bare beam is 1.
constexpr double vacuum_tails = 0.02;
constexpr double film_ring = 0.14;
constexpr double film_diffuse = 0.10;
constexpr double crystal_diffuse = 0.16;
constexpr double bragg_strength = 3.0;
constexpr double deflection = 0.10;  // of the disk at a particle's rim, in disk radii
constexpr double absorption = 0.55;  // of the bright-field disk by the thickest crystal

double squared(double x) {
  return x * x;
}

/// A point of the unit disk by rejection: no trigonometry, the same on every machine.
detector_point in_unit_disk(random_stream& random) {
  for (;;) {
    const detector_point point{2 * random.uniform() - 1, 2 * random.uniform() - 1};
    if (squared(point.row) + squared(point.column) < 1) return point;
  }
}

/// A direction, uniformly.
detector_point on_unit_circle(random_stream& random) {
  for (;;) {
    const detector_point point = in_unit_disk(random);
    const double length = std::sqrt(squared(point.row) + squared(point.column));
    if (length > 0.01) return {point.row / length, point.column / length};
  }
}

double between(double low, double high, random_stream& random) {
  return low + (high - low) * random.uniform();
}

}  // namespace

void diffraction_pattern::add(form shape, detector_point centre, double radius, double spread, double weight) {
  const double before = parts_.empty() ? 0 : parts_.back().up_to;
  parts_.push_back({shape, centre, radius, spread, before + weight});
}

detector_point diffraction_pattern::draw(random_stream& random) const {
  const normal_table& normal = normal_table::get();
  for (;;) {
    const double chosen = random.uniform() * parts_.back().up_to;
    const part& from =
        *std::find_if(parts_.begin(), parts_.end() - 1, [chosen](const part& each) { return chosen < each.up_to; });
    detector_point offset;
    switch (from.shape) {
      case form::disk:
        offset = in_unit_disk(random);
        offset = {from.radius * offset.row, from.radius * offset.column};
        break;
      case form::cloud: offset = {from.spread * double{normal.draw(random)}, from.spread * double{normal.draw(random)}}; break;
      case form::ring: {
        const detector_point towards = on_unit_circle(random);
        const double distance = from.radius + from.spread * double{normal.draw(random)};
        offset = {distance * towards.row, distance * towards.column};
        break;
      }
    }
    const detector_point point{from.centre.row + offset.row, from.centre.column + offset.column};
    // The occupancy counts electrons that reach the detector: one that misses it is drawn again.
    if (point.row >= 0 && point.row < height_ && point.column >= 0 && point.column < width_) return point;
  }
}

specimen::specimen(std::uint64_t seed, scan_shape scan, frame_shape frame) : scan_(scan), frame_(frame) {
  random_stream random(seed, 0, purpose::specimen);
  for (std::size_t number = 0; number < particle_count; ++number) {
    particle made;
    made.centre = {random.uniform(), random.uniform()};
    made.radius = between(smallest_particle, largest_particle, random);
    made.height = between(0.5, 1.0, random);
    const std::size_t grains = 1 + number % 3;
    for (std::size_t each = 0; each < grains; ++each) {
      const detector_point off = in_unit_disk(random);
      made.grains.push_back(random_grain({made.radius * off.row, made.radius * off.column}, random));
    }
    particles_.push_back(std::move(made));
  }
}

specimen::grain specimen::random_grain(vector2 seed, random_stream& random) {
  grain made;
  made.seed = seed;
  const detector_point towards = on_unit_circle(random);
  const double length = lattice_spacing * (random.uniform() < 0.5 ? 1.0 : 1.0 + lattice_variation);
  made.a = {length * towards.row, length * towards.column};
  // Square or hexagonal: the second vector is the first one turned by 90 or 60 degrees.
  const bool hexagonal = random.uniform() < 0.5;
  const double cosine = hexagonal ? 0.5 : 0.0;
  const double sine = hexagonal ? std::sqrt(0.75) : 1.0;
  made.b = {cosine * made.a.row + sine * made.a.column, cosine * made.a.column - sine * made.a.row};
  const detector_point tilt = in_unit_disk(random);
  made.tilt = {largest_tilt * tilt.row, largest_tilt * tilt.column};
  return made;
}

const specimen::particle* specimen::particle_at(vector2 where) const {
  const auto contains = [where](const particle& each) {
    return squared(where.row - each.centre.row) + squared(where.column - each.centre.column) < squared(each.radius);
  };
  const auto found = std::find_if(particles_.begin(), particles_.end(), contains);
  return found == particles_.end() ? nullptr : &*found;
}

void specimen::add_crystal(const particle& inside, vector2 offset, diffraction_pattern& into) const {
  using form = diffraction_pattern::form;
  const double side = std::min(frame_.height, frame_.width);
  const double unit = disk_radius * side;
  const detector_point centre{frame_.height / 2.0, frame_.width / 2.0};
  const auto distance2 = [offset](const grain& each) {
    return squared(offset.row - each.seed.row) + squared(offset.column - each.seed.column);
  };
  const grain& crystal = *std::min_element(inside.grains.begin(), inside.grains.end(),
                                           [&](const grain& one, const grain& two) { return distance2(one) < distance2(two); });
  const double relative2 = (squared(offset.row) + squared(offset.column)) / squared(inside.radius);
  const double thickness = inside.height * std::sqrt(1 - relative2);  // spherical cap
  // The wedge at the rim deflects the whole pattern outwards.
  const double push = deflection * unit * relative2 / inside.radius;
  const detector_point middle{centre.row + push * offset.row, centre.column + push * offset.column};
  into.add(form::disk, middle, unit, 0, 1 - absorption * thickness);
  into.add(form::cloud, middle, 0, 0.22 * side, crystal_diffuse * thickness);
  for (int h = -highest_order; h <= highest_order; ++h) {
    for (int k = -highest_order; k <= highest_order; ++k) {
      if (h == 0 && k == 0) continue;
      const vector2 g{h * crystal.a.row + k * crystal.b.row, h * crystal.a.column + k * crystal.b.column};
      const double length2 = squared(g.row) + squared(g.column);
      // Reflections near the Laue circle are excited; the square of the scattering angle damps them all.
      const double excitation =
          std::abs(length2 + 2 * (g.row * crystal.tilt.row + g.column * crystal.tilt.column)) / squared(2 * envelope);
      const double weight = bragg_strength * thickness / (1 + squared(excitation * 8)) / (1 + length2 / squared(envelope));
      if (weight < 0.002) continue;
      into.add(form::disk, {middle.row + unit * g.row, middle.column + unit * g.column}, unit, 0, weight);
    }
  }
}

diffraction_pattern specimen::pattern(std::uint64_t position) const {
  using form = diffraction_pattern::form;
  const double longest = std::max(scan_.height, scan_.width);
  const vector2 where{(static_cast<double>(position / scan_.width) + 0.5) / longest,
                      (static_cast<double>(position % scan_.width) + 0.5) / longest};
  const double side = std::min(frame_.height, frame_.width);
  const detector_point centre{frame_.height / 2.0, frame_.width / 2.0};

  diffraction_pattern made;
  made.height_ = frame_.height;
  made.width_ = frame_.width;
  if (const particle* inside = particle_at(where)) {
    add_crystal(*inside, {where.row - inside->centre.row, where.column - inside->centre.column}, made);
  } else {
    made.add(form::disk, centre, disk_radius * side, 0, 1);
    made.add(form::cloud, centre, 0, 0.3 * side, vacuum_tails);
  }
  const bool in_hole = squared(where.row - hole_row) + squared(where.column - hole_column) < squared(hole_radius);
  if (!in_hole) {
    made.add(form::ring, centre, 0.36 * side, 0.05 * side, film_ring);
    made.add(form::cloud, centre, 0, 0.2 * side, film_diffuse);
  }
  return made;
}

}  // namespace countem::data_gen
