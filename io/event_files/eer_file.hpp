#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <countem/frame.hpp>
#include <countem/source_issue.hpp>

#include "io/files/file.hpp"

// EER: the electrons that a Falcon 4 camera counted, a TIFF directory per frame. Layout: "EER file documentation" of the
// camera's maker; how RELION reads it is described by Guo et al. 2020, doi:10.1107/S205225252000929X.
namespace countem::io {

/// How the electrons of a frame are packed.
struct eer_code {
  unsigned run_bits = 0;  ///< of the number of empty pixels before an electron
  unsigned sub_bits = 0;  ///< of its place in its pixel, along each axis
};

/// A run of bytes of the file.
struct eer_strip {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

struct eer_frame {
  std::size_t first_strip = 0;  ///< of eer_index::strips; those of a frame follow one another
  std::size_t strips = 0;
  unsigned run_bits = 0;
};

/// Where everything lies in an EER file.
struct eer_index {
  frame_shape shape{};    ///< of each frame, in pixels
  unsigned sub_bits = 0;  ///< the same for all frames
  std::vector<eer_frame> frames;
  std::vector<eer_strip> strips;
  std::string metadata;  ///< XML that the camera wrote about the acquisition; empty: none
  std::vector<source_issue> issues;
};

/// Whether one of the first directories holds electrons. @throws io_error
[[nodiscard]] bool is_eer(const file_handle& file);

/// Goes through the directories once; a leading one of another kind, a sum of the frames, is passed over.
/// @throws format_error frames differ in shape or in how electrons lie in their pixels, a code is unknown, or there is no frame
[[nodiscard]] eer_index index_eer(const file_handle& file);

/// Appends the electrons of a packed frame as indices of the grid whose pixels are 2^sub_bits times finer, sorted.
/// `packed`: its strips, one behind the other. False: they hold no whole frame.
[[nodiscard]] bool unpack_eer(const std::vector<std::byte>& packed, frame_shape shape, eer_code code,
                              std::vector<std::uint32_t>& events);

}  // namespace countem::io
