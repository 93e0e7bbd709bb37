#pragma once

#include <string>

#include <countem/error.hpp>
#include <countem/frame_source.hpp>

namespace countem::cli {

/// What to type, for one piece of advice: "give --input-format v3".
[[nodiscard]] std::string worded(const advice& given);

/// The sentence of an error or a warning with its advice in words of the command line: "...; give --dark or give --threshold".
[[nodiscard]] std::string sentence(const std::string& text, const std::vector<advice>& advised);
[[nodiscard]] std::string sentence(const error& failure);
[[nodiscard]] std::string sentence(const source_issue& issue);

}  // namespace countem::cli
