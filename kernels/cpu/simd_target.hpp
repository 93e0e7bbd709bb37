#pragma once

#include <string>

namespace countem::cpu {

/// Name of the instruction set for which the kernels run on this machine, as Highway names it: "AVX3". Safe to call from any
/// thread.
[[nodiscard]] std::string simd_target();

}  // namespace countem::cpu
