#pragma once

#include <nvtx3/nvtx3.hpp>

namespace countem::cuda {

/// Names our ranges in a profiler's timeline; costs next to nothing without one.
struct nvtx_domain {
  static constexpr const char* name{"countem"};
};
using nvtx_range = nvtx3::scoped_range_in<nvtx_domain>;

}  // namespace countem::cuda
