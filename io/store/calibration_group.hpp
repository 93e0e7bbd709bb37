#pragma once

#include <hdf5.h>

#include <countem/calibration.hpp>

// A calibration as an HDF5 group; the same layout in a calibration file and inside an event store (docs/event_store.md).
//
//   attributes  height, width (0: fits frames of any shape), charge_units_per_adu (16), background16, xray16,
//               background_threshold_adu, xray_threshold_adu (infinity: none), dark_frames; notes: text, a JSON list as
//               issues_text() makes it, absent where empty
//   datasets    dark16 i32, gain f32, mask u8, pixel_background16 i32, dark_sigma_adu f32: (height, width), absent where empty
//   fit/        only where a fit was made: attributes named as in noise_fit; datasets frames u64, histogram u64
namespace countem::io {

/// Writes `saved` into the empty group. @throws io_error
void write_calibration(hid_t group, const calibration& saved);

/// Reads what write_calibration() wrote. @throws format_error when something is missing, of the wrong size, or contradicts
/// itself.
[[nodiscard]] calibration read_calibration(hid_t group);

}  // namespace countem::io
