#pragma once

#include <cstdint>
#include <vector>

#include <countem/types.hpp>

#include "data_gen/random.hpp"

namespace countem::data_gen {

/// A place on the detector in pixels from the frame's corner (a pixel's centre is at + 1/2).
struct detector_point {
  double row = 0;
  double column = 0;
};

/// The diffraction pattern of one scan position: where each electron lands.
class diffraction_pattern {
 public:
  /// A point inside the frame.
  [[nodiscard]] detector_point draw(random_stream& random) const;

 private:
  friend class specimen;
  enum class form : std::uint8_t { disk, cloud, ring };
  /// One part of the pattern: a filled disk, a normal cloud, or a ring with a normal profile.
  struct part {
    form shape = form::disk;
    detector_point centre;
    double radius = 0;  ///< of the disk or ring
    double spread = 0;  ///< rms, of the cloud or the ring's profile
    double up_to = 0;   ///< sum of the weights so far
  };
  void add(form shape, detector_point centre, double radius, double spread, double weight);

  double height_ = 0;
  double width_ = 0;
  std::vector<part> parts_;
};

/// Crystalline nanoparticles on an amorphous film with a hole in it. The field of view's longer side is 1.
class specimen {
 public:
  specimen(std::uint64_t seed, scan_shape scan, frame_shape frame);

  /// What lies at a scan position, as the detector sees it.
  [[nodiscard]] diffraction_pattern pattern(std::uint64_t position) const;

 private:
  /// A vector in the field of view or on the detector.
  struct vector2 {
    double row = 0;
    double column = 0;
  };
  /// A crystal: the two shortest reciprocal vectors in units of the disk radius, and its tilt off the zone axis likewise.
  struct grain {
    vector2 seed;  ///< a particle's grains are the parts nearest to each grain's seed
    vector2 a, b;
    vector2 tilt;
  };
  struct particle {
    vector2 centre;
    double radius = 0;
    double height = 0;  ///< thickness at the centre, 0 to 1
    std::vector<grain> grains;
  };

  [[nodiscard]] static grain random_grain(vector2 seed, random_stream& random);
  [[nodiscard]] const particle* particle_at(vector2 where) const;
  void add_crystal(const particle& inside, vector2 offset, diffraction_pattern& into) const;

  scan_shape scan_;
  frame_shape frame_;
  std::vector<particle> particles_;
};

}  // namespace countem::data_gen
