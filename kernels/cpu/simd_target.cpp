#include "kernels/cpu/simd_target.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd_target.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

const char* target_name() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace countem::cpu {

namespace {
HWY_EXPORT(target_name);
}  // namespace

std::string simd_target() {
  return HWY_DYNAMIC_DISPATCH(target_name)();
}

}  // namespace countem::cpu

#endif
