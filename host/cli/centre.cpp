#include "host/cli/centre.hpp"

#include <exception>

#include <countem/error.hpp>

namespace countem::cli {

std::optional<detector_point> parse_centre(const std::string& text) {
  if (text == "auto") return std::nullopt;
  try {
    std::size_t row_end = 0;
    std::size_t column_end = 0;
    const double row = std::stod(text, &row_end);
    if (row_end < text.size() && text[row_end] == ',') {
      const double column = std::stod(text.substr(row_end + 1), &column_end);
      if (row_end + 1 + column_end == text.size()) return detector_point{row, column};
    }
  } catch (const std::exception&) {  // not a number
  }
  throw invalid_argument("the centre '" + text + "' is neither 'auto' nor of the form ROW,COLUMN, as 287.5,290");
}

}  // namespace countem::cli
