#pragma once

#include <string_view>

namespace countem::cli::report {

/// The files report.html, report.css and js/*.js (joined) of this folder, put here by the build.
extern const std::string_view page_html;
extern const std::string_view page_css;
extern const std::string_view page_js;

}  // namespace countem::cli::report
