#pragma once

#include <string>

#include <countem/error.hpp>

namespace countem::python {

/// The text of an error followed by its ways out, in the names of the Python package.
[[nodiscard]] std::string sentence(const error& failure);

}  // namespace countem::python
