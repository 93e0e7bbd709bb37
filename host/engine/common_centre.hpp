#pragma once

#include <countem/reductions.hpp>

namespace countem {

/// Whether a detector lies around the centre that it shares with others: it has no place of its own and is no mask.
[[nodiscard]] inline bool is_around_common_centre(const virtual_detector& detector) {
  return !detector.centre && detector.mask.empty() && detector.mask_file.empty();
}

}  // namespace countem
