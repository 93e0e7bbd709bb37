#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <countem/frame_source.hpp>

namespace countem::io {

/// Collects what is wrong with the input: the first of each kind and file keeps its sentence, the others are counted, so that a
/// damaged file of a million records makes one line.
class issue_list {
 public:
  /// `make_text` is called only for the first of its kind in the file; it leaves the file's name out.
  template <class MakeText>
  void add(const std::string& kind, const std::filesystem::path& file, MakeText&& make_text, std::uint64_t occurrences = 1) {
    if (occurrences == 0) return;
    const auto [place, fresh] = seen_.try_emplace({kind, file.string()}, issues_.size());
    if (fresh) {
      issues_.push_back({kind, file.string() + ": " + std::string(make_text()), occurrences});
    } else {
      issues_[place->second].occurrences += occurrences;
      repeats_[place->second] += occurrences;
    }
  }

  /// The sentences, each with the number of those that it stands for.
  [[nodiscard]] std::vector<source_issue> take() {
    for (const auto& [issue, others] : repeats_) issues_[issue].text += " (and " + std::to_string(others) + " more like it)";
    repeats_.clear();
    return std::move(issues_);
  }

 private:
  std::map<std::pair<std::string, std::string>, std::size_t> seen_;
  std::map<std::size_t, std::uint64_t> repeats_;  // by place in issues_
  std::vector<source_issue> issues_;
};

}  // namespace countem::io
