#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <countem/frame_source.hpp>
#include <countem/types.hpp>

#include "io/files/output_file.hpp"

namespace countem::io {

/// A scan of u16 frames to be written as a camera or another program would leave it.
struct raw_scan {
  input_format format{"v5"};    ///< v5, v4, v3, raw, npy or hdf5 (EMD 0.1)
  frame_shape frame{576, 576};  ///< v3 to v5: 576 x 576
  scan_shape scan{};
  std::string stem = "data";  ///< what the files' names start with
  std::uint32_t scan_number = 1;
  std::uint32_t files_per_module = 1;  ///< v3 to v5: frame n goes to file n modulo this
  unsigned threads = 0;                ///< 0: all cores
  output_rules rules{existing_file::kept, {}};
};

/// Writes every frame of the scan into `directory` (made if absent) and returns the files, complete; the caller finishes them,
/// which gives them their names. `make_frame` fills
/// height * width pixels of the frame with the given number and is called from several threads at once. Files have the same
/// bytes for any number of threads.
/// v3 to v5: STEM_scan<10 digits>_id<4 digits>_module<m>_raw.data, one for each module and id; the frame number in the headers
/// is the frame's number in the scan. The others: STEM.raw, STEM.npy, STEM.h5 (dataset /electron_frames/data).
/// @throws invalid_argument, io_error.
std::vector<output_file> write_raw(const std::filesystem::path& directory, const raw_scan& what,
                                   const std::function<void(std::uint64_t frame, std::uint16_t* pixels)>& make_frame);

}  // namespace countem::io
