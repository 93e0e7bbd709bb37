#pragma once

#include <cstdint>
#include <filesystem>

#include <countem/error.hpp>

#include "io/hdf5/file.hpp"

// What a file is that was given where a file of countem, or of events, was expected.
namespace countem::io {

/// What was expected.
enum class expected_file : std::uint8_t {
  event_store,
  events,  ///< of another program or a camera, of which a store is made
  calibration,
  truth,  ///< of a simulation
};

/// Throws what the file is instead, as far as that can be known, and what to do. @throws other_kind_error; io_error
[[noreturn]] void refuse_other_file(const std::filesystem::path& file, expected_file expected);

/// The same where it is known what the file is; else nothing.
void refuse_if_known(const std::filesystem::path& file, expected_file expected);

/// Whether the file is HDF5. @throws io_error
[[nodiscard]] bool holds_hdf5(const std::filesystem::path& file);

/// As open_hdf5(), but a file of another kind is refused as refuse_other_file() does.
[[nodiscard]] hdf5_handle open_expected(const std::filesystem::path& file, expected_file expected,
                                        hdf5_reading reading = hdf5_reading::finished);

}  // namespace countem::io
