#pragma once

#include <cstdint>

#include <countem/types.hpp>

#include "data_gen/random.hpp"

namespace countem::data_gen {

/// Electron-hole pairs that make one ADU.
inline constexpr float pairs_per_adu = 12.5F;

/// What an electron's track and the charge it frees look like at one beam energy. docs/simulation.md names where the numbers
/// are from.
struct cloud_parameters {
  double depth_um = 0;               ///< charge is collected from this much silicon ...
  double passive_um = 0;             ///< ... and from none of this much behind it, from where electrons still scatter back
  double steady_loss_ev_per_um = 0;  ///< the many small energy losses on the way
  double collisions_per_um = 0;      ///< mean number of larger ones
  double smallest_loss_ev = 0;       ///< those are distributed as 1 / loss^2 between the smallest ...
  double largest_loss_ev = 0;        ///< ... and the largest
  double scattering_rad = 0;         ///< smallest change of direction in a step; larger ones are as rare as 1 / angle^2
  double diffusion_entry_um = 0;     ///< rms spread along each axis of charge freed at the entry side ...
  double diffusion_exit_um = 0;      ///< ... and at the side where it is collected
};

/// The model at 60 to 300 kV: fitted at 100 and 300 kV, a power law in the voltage between and below.
[[nodiscard]] cloud_parameters cloud_parameters_at(double kilovolts);

/// Pairs collected by each pixel; saturates like a full well.
class charge_frame {
 public:
  charge_frame(frame_shape shape, std::uint16_t* pairs) : height_(shape.height), width_(shape.width), pairs_(pairs) {}

  [[nodiscard]] std::uint32_t height() const { return height_; }
  [[nodiscard]] std::uint32_t width() const { return width_; }

  /// One pair at a place measured in pixels from the frame's corner; false where no pixel is there to collect it.
  bool add_pair(float row, float column) {
    if (!(row >= 0 && column >= 0)) return false;
    const auto y = static_cast<std::uint32_t>(row);
    const auto x = static_cast<std::uint32_t>(column);
    if (y >= height_ || x >= width_) return false;
    std::uint16_t& pixel = pairs_[std::size_t{y} * width_ + x];
    pixel = static_cast<std::uint16_t>(pixel + (pixel != 0xffff));
    return true;
  }

 private:
  std::uint32_t height_;
  std::uint32_t width_;
  std::uint16_t* pairs_;
};

/// Tracks of single electrons through the detector: straight steps with a steady loss and a Poisson number of 1/E^2 energy
/// losses each (which is what gives Landau's long tail), a change of direction with Rutherford's 1/angle^2 tail after each,
/// both growing as the electron slows down, and every freed pair diffusing on its own.
class charge_cloud {
 public:
  charge_cloud(const cloud_parameters& parameters, double kilovolts);

  /// One electron entering at a place measured in pixels from the frame's corner. Returns the pairs that pixels collected.
  std::uint32_t deposit(double row, double column, random_stream& random, charge_frame& into) const;

 private:
  [[nodiscard]] float loss_ev(random_stream& random) const;

  poisson_table collisions_;
  float depth_px_;
  float passive_px_;
  float steady_loss_ev_;  ///< a step
  float smallest_loss_ev_;
  float smallest_fraction_;  ///< smallest loss / largest loss
  float scattering_rad_;
  float diffusion_entry_px_;
  float diffusion_slope_;  ///< change of spread per pixel of depth
  float beam_ev_;
};

/// Charge of an X-ray absorbed near the surface: far above any electron's, nearly all of it in one pixel.
void deposit_xray(double row, double column, random_stream& random, charge_frame& into);

}  // namespace countem::data_gen
