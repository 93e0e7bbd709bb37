#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <countem/counting.hpp>

#include "kernels/cuda/device_calibration.hpp"

namespace countem::cuda {

/// The plan of the cuda backend: limits in host memory, and the calibration in the memory of each device that counts with it.
/// Needs no device before the first counter is made. Owned by shared pointers only.
class device_plan final : public counting_plan, public std::enable_shared_from_this<device_plan> {
 public:
  explicit device_plan(const counting_setup& setup);

  /// Counters take the devices in turn.
  [[nodiscard]] std::unique_ptr<counter> make_counter() const override;

  /// The calibration on a device, which must be current. The first call for a device uploads it on `stream` and waits for that;
  /// safe for several threads. @throws cuda_error.
  [[nodiscard]] std::shared_ptr<const device_calibration> on_device(int device, const cuda_stream& stream) const;

 private:
  std::vector<std::uint32_t> limits_;
  mutable std::mutex lock_;
  mutable std::map<int, std::shared_ptr<const device_calibration>> uploaded_;  ///< by device
};

}  // namespace countem::cuda
