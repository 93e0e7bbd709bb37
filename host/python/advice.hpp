#pragma once

#include <span>
#include <string>
#include <vector>

#include <countem/error.hpp>
#include <countem/source_issue.hpp>

namespace countem::python {

/// The text of an error followed by its ways out, in the names of the Python package.
[[nodiscard]] std::string sentence(const error& failure);
/// The same of an issue.
[[nodiscard]] std::string sentence(const source_issue& issue);
/// One of each issue.
[[nodiscard]] std::vector<std::string> sentences(std::span<const source_issue> issues);

}  // namespace countem::python
