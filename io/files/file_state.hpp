#pragma once

#include <sys/stat.h>

#include <countem/input_file.hpp>

namespace countem::io {

/// What the system reports of a file, as a state to compare.
[[nodiscard]] file_state state_of(const struct stat& facts);

}  // namespace countem::io
