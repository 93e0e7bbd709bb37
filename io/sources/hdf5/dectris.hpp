#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <countem/types.hpp>

#include "io/hdf5/handle.hpp"
#include "io/sources/source_issues.hpp"

// What a file of a DECTRIS detector holds beside its frames. Callers hold hdf5_lock().
namespace countem::io {

/// Whether the file is a master or has what a master has: facts of the detector, or frames in numbered datasets.
[[nodiscard]] bool is_of_dectris(hid_t file);

/// Frames that the file claims: images of each trigger, times triggers, one where none is stated. Empty where it claims none.
[[nodiscard]] std::optional<std::uint64_t> claimed_frames(hid_t file);

/// The scan that lies beside PREFIX_master.h5 in PREFIX.h5 (group "STEM Metadata": NumPixelsX, NumPixelsY), as ARINA's program
/// writes it. Empty where there is none.
[[nodiscard]] std::optional<scan_shape> scan_of_master(const std::filesystem::path& master);

/// Pixels that the file marks as unusable, not 0 where they are; empty where it marks none. Its mask is the dataset pixel_mask
/// of the detector (also in detectorSpecific), or beside the frames, of the frames' shape (NeXus: 0 is good). `frames`: path of
/// the dataset; `name`: of the file. What is masked becomes an issue.
[[nodiscard]] std::vector<std::uint8_t> masked_pixels(hid_t file, const std::string& frames, frame_shape shape,
                                                      const std::filesystem::path& name, issue_list& issues);

}  // namespace countem::io
