#pragma once

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <string>

#include <countem/counting.hpp>
#include <countem/types.hpp>

namespace countem::cli {

/// The word for a choice; each has one.
template <class Choice>
std::string word_for(Choice chosen, const std::map<std::string, Choice>& names) {
  return std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.second == chosen; })->first;
}

/// An option that takes one of several words.
template <class Choice>
CLI::Option* add_choice(CLI::App& command, const std::string& name, Choice& chosen, const std::map<std::string, Choice>& names,
                        const std::string& help) {
  return command
      .add_option_function<std::string>(
          name, [&chosen, names](const std::string& word) { chosen = names.at(word); }, help)
      ->check(CLI::IsMember(names))
      ->default_str(word_for(chosen, names));
}

inline const std::map<std::string, backend> backend_names{
    {"automatic", backend::automatic}, {"reference", backend::reference}, {"cpu", backend::cpu}, {"cuda", backend::cuda}};
inline const std::map<std::string, counting_method> method_names{
    {"cluster", counting_method::cluster}, {"maximum", counting_method::maximum}, {"pixels", counting_method::pixels}};
inline const std::map<std::string, row_noise_method> row_noise_names{
    {"none", row_noise_method::none}, {"mean", row_noise_method::mean}, {"median", row_noise_method::median}};
inline const std::map<std::string, event_value> value_names{
    {"none", event_value::none}, {"charge", event_value::charge}, {"size", event_value::size}};

}  // namespace countem::cli
