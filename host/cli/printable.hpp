#pragma once

#include <string>
#include <string_view>

namespace countem::cli {

/// One line that a terminal only shows: control characters (C0, DEL, C1 in UTF-8) and bytes that are no UTF-8 become \xNN.
/// Names of files and datasets are any bytes, and a terminal obeys some of them.
[[nodiscard]] std::string printable(std::string_view text);
/// The same for text of several lines, whose ends stay.
[[nodiscard]] std::string printable_lines(std::string_view text);

}  // namespace countem::cli
