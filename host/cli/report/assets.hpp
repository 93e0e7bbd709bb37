#pragma once

#include <string_view>

namespace countem::cli::report {

/// The files report.html, report.css and js/*.js (joined) of this folder, put here by the build.
extern const std::string_view page_html;
extern const std::string_view page_css;
extern const std::string_view page_js;
/// SHA-256 in base64 of what stands between the tags of the style and of the script.
extern const std::string_view page_css_hash;
extern const std::string_view page_js_hash;

}  // namespace countem::cli::report
