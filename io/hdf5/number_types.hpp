#pragma once

#include <cstdint>

/// Calls a macro with each type of number that files of ours and of others are read into.
#define COUNTEM_FOR_EACH_NUMBER_TYPE(CALL) \
  CALL(std::uint8_t)                       \
  CALL(std::uint16_t)                      \
  CALL(std::int32_t)                       \
  CALL(std::uint32_t)                      \
  CALL(std::int64_t)                       \
  CALL(std::uint64_t)                      \
  CALL(float)                              \
  CALL(double)
