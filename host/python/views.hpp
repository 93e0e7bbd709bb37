#pragma once

#include <array>
#include <cstdint>

#include <countem/output.hpp>
#include <countem/store_batches.hpp>
#include <countem/store_copy.hpp>

#include "host/python/interrupts.hpp"

namespace countem::python {

/// A part of a store as Python gives it: first row, first column, rows and columns of positions; the same of detector cells;
/// cells and positions a side that are merged.
using part_numbers = std::array<std::uint32_t, 10>;

[[nodiscard]] inline copy_plan plan_of(const part_numbers& part) {
  return {{part[0], part[1], part[2], part[3]}, {part[4], part[5], {part[6], part[7]}}, part[8], part[9]};
}

/// Reading that signals end. @param threads 0: all cores
[[nodiscard]] inline reading_options interruptible(unsigned threads) {
  return {threads, nullptr, check_signals};
}

/// What `overwrite` of Python's functions allows.
[[nodiscard]] inline existing_file existing_for(bool overwrite) {
  return overwrite ? existing_file::replaced : existing_file::kept;
}

}  // namespace countem::python
