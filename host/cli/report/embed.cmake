# cmake -DFOLDER=... -DOUTPUT=... -P embed.cmake: the page's files as C++ string literals.
set(text "// Made from report.html, report.css and report.js by embed.cmake.\n#include \"host/cli/report/assets.hpp\"\n\nnamespace countem::cli::report {\n")
foreach(kind html css js)
  file(READ "${FOLDER}/report.${kind}" content)
  string(APPEND text "const std::string_view page_${kind} = R\"report_file(${content})report_file\";\n")
endforeach()
string(APPEND text "}  // namespace countem::cli::report\n")
file(WRITE "${OUTPUT}" "${text}")
