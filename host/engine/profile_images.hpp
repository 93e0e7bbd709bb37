#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <countem/reduction_plan.hpp>
#include <countem/result_images.hpp>
#include <countem/saved_image.hpp>

#include "host/engine/completeness.hpp"

namespace countem::engine {

/// What images of the profiles of rings at each position are made with.
struct profile_facts {
  std::uint32_t rings = 0;
  std::uint32_t frames_per_position = 1;
  bool errors = false;  ///< standard errors are made, too
  incomplete_frames incomplete = incomplete_frames::keep;
  std::vector<sector_losses> lost;      ///< [position]; empty: everything arrived
  std::vector<sector_weights> weights;  ///< [ring], where something is lost
};

/// Numbers of the images.
enum profile_image : std::size_t { profile_electrons, profile_errors, profile_completeness };

/// The images of profiles, which `source` gives each time they are made.
[[nodiscard]] std::shared_ptr<const image_stream> stream_profiles(profile_source source, profile_facts facts);

/// All values of each image of a stream, by its number.
[[nodiscard]] std::array<std::vector<double>, 3> held_values(const image_stream& stream);

/// The profiles of a result that holds them; it must outlive the source.
[[nodiscard]] profile_source held_profiles(const reduction_result& result);

/// Values of which a share arrived; 0: they are not known. Where the plan wants it they are divided by the share.
[[nodiscard]] double with_share(double value, double share, incomplete_frames incomplete);

}  // namespace countem::engine
