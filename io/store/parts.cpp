#include "io/store/parts.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <tuple>
#include <utility>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/store/chunk.hpp"
#include "io/store/difference.hpp"

namespace countem::io {

namespace {

constexpr const char* issues_entry = "issues";
constexpr std::size_t most_lacks_named = 10;

// Kinds of issues that name frames which no part holds.
constexpr const char* missing_part = "missing_part";
constexpr const char* unfinished_part = "unfinished_part";
constexpr const char* in_no_part = "frames_in_no_part";
constexpr std::array<std::string_view, 3> kinds_of_lack{missing_part, unfinished_part, in_no_part};

std::string provenance_of(const store_description& description, std::string_view name) {
  const auto found =
      std::ranges::find(description.provenance, name, [](const auto& entry) { return std::string_view(entry.first); });
  return found == description.provenance.end() ? std::string() : found->second;
}

/// Nothing where the store names none, or in a form that is not known.
std::vector<counted_input> inputs_of(const store_description& description) {
  const nlohmann::json list = nlohmann::json::parse(provenance_of(description, "inputs"), nullptr, false);
  std::vector<counted_input> inputs;
  if (!list.is_array()) return inputs;
  for (const nlohmann::json& entry : list) {
    const bool names_file = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                            entry.contains("bytes") && entry["bytes"].is_number_unsigned();
    if (!names_file) return {};
    inputs.push_back({entry["name"].get<std::string>(), entry["bytes"].get<std::uint64_t>()});
  }
  return inputs;
}

std::string file_name(const counted_input& input) {
  return std::filesystem::path(input.name).filename().string();
}

std::string words_for_input(const counted_input& input) {
  return file_name(input) + " of " + std::to_string(input.bytes) + " bytes";
}

/// "frame 7", "frames 7 to 9"
std::string frames_text(std::uint64_t first, std::uint64_t end) {
  if (end - first == 1) return "frame " + std::to_string(first);
  return "frames " + std::to_string(first) + " to " + std::to_string(end - 1);
}

/// What differs between the files that two parts were counted from; empty: nothing but perhaps their folders, or not known.
std::string difference_of_inputs(std::vector<counted_input> a, std::vector<counted_input> b) {
  if (a.empty() || b.empty()) return {};
  if (a.size() != b.size()) return std::to_string(a.size()) + " files and " + std::to_string(b.size());
  const auto order = [](const counted_input& input) { return std::make_tuple(file_name(input), input.bytes); };
  std::ranges::sort(a, {}, order);
  std::ranges::sort(b, {}, order);
  const auto [at, other] = std::ranges::mismatch(a, b, {}, order, order);
  return at == a.end() ? std::string() : words_for_input(*at) + " and " + words_for_input(*other);
}

/// One issue of a kind stands for all: a scan may have a thousand parts.
void add_once(std::vector<source_issue>& issues, const std::string& kind, const std::string& text) {
  const auto same = std::ranges::find(issues, kind, &source_issue::kind);
  if (same == issues.end()) {
    issues.push_back({kind, text});
  } else {
    ++same->occurrences;
  }
}

}  // namespace

part::part(const std::filesystem::path& path) : file_(path) {
  if (file_.led_elsewhere()) {
    throw format_error(path.string() + ": holds no frames but leads to those of other stores: merge these");
  }
  if (!file_.has_plain_chunks()) {
    throw format_error(path.string() + ": the chunks are not single deflated frames: another program rewrote the file");
  }
}

chunk_footer part::read(std::uint64_t frame, std::vector<std::uint8_t>& chunk) {
  if (frame < first_ahead_ || frame - first_ahead_ >= ahead_.chunks.size()) read_ahead(frame);
  const auto number = static_cast<std::size_t>(frame - first_ahead_);
  const proven_chunk& proven = ahead_.chunks[number];
  std::optional<chunk_footer> footer;
  if (!proven.bytes.empty()) {
    chunk.assign(proven.bytes.begin(), proven.bytes.end());
    footer = proven.footer;
  } else {
    chunk.clear();
    const std::uint32_t size = places_[number].bytes;
    const bool deflated = size != 0 && file_.read_chunk(frame, size, chunk);
    footer = deflated ? find_footer(chunk) : std::nullopt;
    if (footer && (!is_intact(chunk, *footer) || footer->facts.frame != frame)) footer = std::nullopt;
  }
  if (!footer || footer->events != file_.counts()[frame]) {
    throw format_error(file_.path().string() + ": frame " + std::to_string(frame) +
                       ": its chunk is damaged, or another program rewrote it; verify the file, or recover its other frames");
  }
  return *footer;
}

void part::read_ahead(std::uint64_t frame) {
  constexpr std::uint64_t most_frames = 64;
  constexpr std::uint64_t most_bytes = std::uint64_t{4} << 20U;
  places_.resize(static_cast<std::size_t>(std::min(most_frames, file_.counts().size() - frame)));
  file_.find_chunks(frame, places_);
  std::uint64_t bytes = 0;
  const auto last =
      std::ranges::find_if(places_, [&](const chunk_place& place) { return (bytes += place.bytes) > most_bytes; });
  places_.erase(last == places_.end() ? last : std::next(last), places_.end());  // one frame at least
  file_.read_proven(frame, places_, ahead_);
  first_ahead_ = frame;
}

void throw_changed(const known_part& known) {
  throw io_error(known.file.path.string() + ": changed while it was read; is it still being written?");
}

part_list::part_list(const std::vector<std::filesystem::path>& paths) {
  if (paths.empty()) throw invalid_argument("a merge needs at least one part");
  for (const std::filesystem::path& path : paths) {
    check_stop();
    add(part(path));
  }
}

void part_list::add(const part& opened) {
  const store_description& description = opened.file().description();
  known_part added{opened.file().opened().front(), recorded_share(description), 0, provenance_of(description, "program"),
                   inputs_of(description)};
  if (parts_.empty()) {
    description_ = description;
    frame_ = opened.file().frame_layout();
    holders_.assign(opened.file().counts().size(), nobody);
  } else {
    require_fit(opened, added);
    note_differences(added);
  }
  take_issues(issues_from(provenance_of(description, issues_entry)));
  take_frames(opened, added);
  parts_.push_back(std::move(added));
}

void part_list::require_fit(const part& opened, const known_part& added) const {
  const known_part& first = parts_.front();
  const std::string name = added.file.path.string();
  const std::string first_name = first.file.path.string();
  for (const known_part& earlier : parts_) {
    const file_state& a = earlier.file.opened;
    const file_state& b = added.file.opened;
    if (a.device == b.device && a.inode == b.inode)
      throw invalid_argument(name + ": was given twice" +
                             (earlier.file.path == added.file.path ? "" : ", before as " + earlier.file.path.string()));
  }
  const std::vector<std::string> others = differences({opened.file().description(), opened.file().frame_layout().element_bytes},
                                                      {description_, frame_.element_bytes});
  if (!others.empty()) {
    throw invalid_argument(name + ": was counted with " + list_of(others) + " than " + first_name +
                           "; parts of one scan share all of that");
  }
  const auto divided = std::ranges::find_if(parts_, [](const known_part& one) { return one.share.has_value(); });
  if (added.share && divided != parts_.end() && divided->share->of != added.share->of) {
    throw invalid_argument(name + ": is " + name_of(*added.share) + ", and " + divided->file.path.string() + " is " +
                           name_of(*divided->share) + ": merge the parts of one division of the scan");
  }
  if (!added.share || divided == parts_.end()) return;
  const std::string inputs = difference_of_inputs(added.inputs, divided->inputs);
  if (!inputs.empty()) {
    throw invalid_argument(name + ": was counted from other files than " + divided->file.path.string() + " (" + inputs +
                           "): parts of one scan are counted from the same files");
  }
}

void part_list::note_differences(const known_part& added) {
  const known_part& first = parts_.front();
  const auto note = [&](const char* kind, const std::string& here, const std::string& there, const char* what) {
    add_once(
        found_, kind,
        added.file.path.string() + ": was counted " + here + ", and " + first.file.path.string() + " " + there + ": " + what);
  };
  if (!added.program.empty() && !first.program.empty() && added.program != first.program)
    note("other_version", "by " + added.program, "by " + first.program, "the versions may count differently");
  if (added.inputs.empty() || first.inputs.empty()) return;
  const std::string inputs = difference_of_inputs(added.inputs, first.inputs);
  const std::string& here = added.inputs.front().name;
  const std::string& there = first.inputs.front().name;
  if (!inputs.empty() || here != there)
    note("other_inputs", "from " + here, "from " + there, "these must hold the same frames");
}

void part_list::take_frames(const part& opened, known_part& added) {
  const auto index = static_cast<std::uint32_t>(parts_.size());
  added.first_held = holders_.size();
  for (std::uint64_t frame = 0; frame < holders_.size(); ++frame) {
    if (!opened.holds(frame)) {
      const frame_facts facts = opened.facts(frame);
      if (facts.status != 0 || facts.xrays != 0) marks_[frame] = facts;
      continue;
    }
    added.first_held = std::min(added.first_held, frame);
    if (holders_[frame] != nobody) continue;
    holders_[frame] = index;
    ++held_;
  }
}

/// Adds what the count of a part found, once each. What earlier merges lacked is found anew.
void part_list::take_issues(std::vector<source_issue> found) {
  for (source_issue& issue : found) {
    const bool of_merge = std::ranges::find(kinds_of_lack, issue.kind) != kinds_of_lack.end();
    if (!of_merge && std::ranges::find(of_counts_, issue) == of_counts_.end()) of_counts_.push_back(std::move(issue));
  }
}

store_description part_list::description() const {
  store_description merged = description_;
  std::erase_if(merged.provenance, [](const auto& entry) { return entry.first == "part"; });
  const auto entry = std::ranges::find(merged.provenance, issues_entry, [](const auto& one) { return one.first; });
  if (entry != merged.provenance.end())
    entry->second = issues_text(of_counts_);
  else if (!of_counts_.empty())
    merged.provenance.emplace_back(issues_entry, issues_text(of_counts_));
  constexpr const char* merged_from = "merged_from";
  nlohmann::json files = nlohmann::json::array();
  for (const known_part& one : parts_) files.push_back(one.file.path.string());
  std::erase_if(merged.provenance, [](const auto& text) { return text.first == merged_from; });
  merged.provenance.emplace_back(merged_from, files.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return merged;
}

std::vector<source_issue> part_list::issues() const {
  std::vector<source_issue> issues = found_;
  add_lacking(issues);
  return issues;
}

std::vector<source_issue> part_list::changes() const {
  std::vector<input_file> files;
  for (const known_part& one : parts_) files.push_back(one.file);
  return changed_inputs(files);
}

/// A sentence about the frames of a share that no part holds or knows of; empty: none lack.
std::string part_list::lacking_of(const scan_share& share, const known_part* given) const {
  std::uint64_t end = share.end_frame();
  if (given != nullptr) {
    // A frame inside that is not there never arrived; at the end it may also not have been counted.
    while (end > share.first_frame() && !is_known(end - 1)) --end;
    if (end == share.end_frame()) return {};
    const std::string lacks = frames_text(end, share.end_frame());
    return given->file.path.string() + ": " + name_of(share) + " lacks " + lacks +
           ": they never arrived, or its count did not finish";
  }
  std::uint64_t lacking = 0;
  for (std::uint64_t frame = share.first_frame(); frame < end; ++frame) lacking += is_known(frame) ? 0 : 1;
  if (lacking == 0) return {};
  const std::string frames = frames_text(share.first_frame(), end);
  if (lacking == share.frames()) return name_of(share) + " is missing: " + frames;
  return name_of(share) + " is missing: no other part holds " + std::to_string(lacking) + " of its " + frames;
}

void part_list::add_lacking(std::vector<source_issue>& found) const {
  std::map<std::uint32_t, const known_part*> given;
  for (const known_part& one : parts_) {
    if (one.share) given.emplace(one.share->number, &one);
  }
  if (given.empty()) {
    const std::uint64_t frames = holders_.size();
    std::uint64_t lacking = 0;
    std::uint64_t first = frames;
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
      if (is_known(frame)) continue;
      first = std::min(first, frame);
      ++lacking;
    }
    if (lacking > 0) {
      found.push_back({in_no_part, std::to_string(lacking) + " of " + std::to_string(frames) +
                                       " frames are in no part, the first is frame " + std::to_string(first) +
                                       ": they stay missing"});
    }
    return;
  }
  const std::uint32_t of = given.begin()->second->share->of;
  std::uint64_t lacking = 0;
  for (std::uint32_t number = 1; number <= of && number != 0; ++number) {
    const auto one = given.find(number);
    const std::string sentence = lacking_of({number, of, holders_.size()}, one == given.end() ? nullptr : one->second);
    if (sentence.empty()) continue;
    if (++lacking <= most_lacks_named) found.push_back({one == given.end() ? missing_part : unfinished_part, sentence});
  }
  if (lacking > most_lacks_named)
    found.push_back({missing_part, std::to_string(lacking - most_lacks_named) + " more parts are missing or unfinished"});
}

}  // namespace countem::io
