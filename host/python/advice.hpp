#pragma once

#include <string>

#include <countem/error.hpp>
#include <countem/source_issue.hpp>

namespace countem::python {

/// The text of an error followed by its ways out, in the names of the Python package.
[[nodiscard]] std::string sentence(const error& failure);
/// The same of an issue.
[[nodiscard]] std::string sentence(const source_issue& issue);

}  // namespace countem::python
