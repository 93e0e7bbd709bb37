#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include <countem/advice_words.hpp>
#include <countem/input_file.hpp>

#include "io/files/file.hpp"
#include "io/files/file_state.hpp"

namespace countem {

namespace {

constexpr const char* input_changed = "input_changed";

/// The text of a member; empty where it is none.
std::string text_in(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Nothing where the entry has no sentence.
std::optional<source_issue> issue_of(const nlohmann::json& entry) {
  if (!entry.is_object()) return std::nullopt;
  source_issue issue{text_in(entry, "kind"), text_in(entry, "text")};
  if (issue.text.empty()) return std::nullopt;
  const auto occurrences = entry.find("occurrences");
  if (occurrences != entry.end() && occurrences->is_number_unsigned()) issue.occurrences = occurrences->get<std::uint64_t>();
  const auto advised = entry.find("advice");
  if (advised == entry.end() || !advised->is_array()) return issue;
  for (const nlohmann::json& given : *advised) {
    if (!given.is_object()) continue;
    if (const auto kind = find_choice<advice_kind>(text_in(given, "kind")))
      issue.advised.push_back({*kind, text_in(given, "value")});
  }
  return issue;
}

}  // namespace

namespace io {

file_state state_of(const struct stat& facts) {
  const auto nanoseconds = [](const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
  return {static_cast<std::uint64_t>(facts.st_size), nanoseconds(facts.st_mtim), nanoseconds(facts.st_ctim), facts.st_dev,
          facts.st_ino};
}

namespace {

/// What changed, in words; empty where nothing did.
std::string difference(const file_state& before, const file_state& now) {
  if (before == now) return {};
  if (before.inode != now.inode || before.device != now.device) return "another file has its name";
  std::string words;
  if (before.bytes != now.bytes) words = fmt::format("size {} became {} bytes", before.bytes, now.bytes);
  if (before.modified_ns != now.modified_ns) words += words.empty() ? "time of writing" : ", time of writing";
  return words.empty() ? "time of change" : words;
}

}  // namespace
}  // namespace io

input_file input_now(const std::filesystem::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) io::throw_errno(path, "cannot be opened");
  const file_state state = io::state_of(facts);
  return {path, state.bytes, state};
}

std::vector<source_issue> changed_inputs(std::span<const input_file> files) {
  std::vector<source_issue> issues;
  for (const input_file& file : files) {
    if (file.opened == file_state{}) continue;
    struct stat facts {};
    const bool is_known = ::stat(file.path.c_str(), &facts) == 0;
    if (!is_known && errno != ENOENT && errno != ENOTDIR) {
      issues.push_back({"input_not_examined", fmt::format("{}: whether it changed while it was read cannot be found out: {}",
                                                          file.path.string(), std::generic_category().message(errno))});
      continue;
    }
    const std::string what = is_known ? io::difference(file.opened, io::state_of(facts)) : "it is no longer there";
    if (what.empty()) continue;
    issues.push_back({input_changed, fmt::format("{}: changed while it was read ({}): what was read may mix two contents",
                                                 file.path.string(), what)});
  }
  return issues;
}

std::vector<source_issue> issues_from(const std::string& text) {
  const nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
  std::vector<source_issue> issues;
  if (!list.is_array()) return issues;
  for (const nlohmann::json& entry : list) {
    std::optional<source_issue> issue = issue_of(entry);
    if (issue) issues.push_back(std::move(*issue));
  }
  return issues;
}

std::vector<source_issue> changes_in(const std::string& text) {
  std::vector<source_issue> changes = issues_from(text);
  std::erase_if(changes, [](const source_issue& issue) { return issue.kind != input_changed; });
  return changes;
}

std::string issues_text(std::span<const source_issue> issues, const std::string& before) {
  using json = nlohmann::ordered_json;
  json list = json::parse(before, nullptr, false);
  if (!list.is_array()) list = json::array();
  for (const source_issue& issue : issues) {
    json entry{{"kind", issue.kind}, {"text", issue.text}, {"occurrences", issue.occurrences}};
    for (const advice& given : issue.advised) {
      entry["advice"].push_back({{"kind", word_of(given.kind)}, {"value", given.value}});
    }
    list.push_back(std::move(entry));
  }
  return list.dump(-1, ' ', false, json::error_handler_t::replace);  // file names are any bytes
}

}  // namespace countem
