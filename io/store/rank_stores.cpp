#include <countem/rank_stores.hpp>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <countem/error.hpp>
#include <countem/scan_share.hpp>

#include "io/files/file.hpp"
#include "io/files/file_lock.hpp"
#include "io/files/output_file.hpp"
#include "io/store/difference.hpp"
#include "io/store/file.hpp"
#include "io/store/scan.hpp"
#include "io/store/writer.hpp"

namespace countem {

namespace {

constexpr std::string_view rank_word = ".rank";
constexpr std::string_view part_ending = ".part";
constexpr std::string_view scratch_ending = ".countem-unfinished";
constexpr std::size_t digits = 4;

/// The number in OUT.rankNUMBER.part; nothing for other names.
std::optional<unsigned> number_in(std::string_view name, const std::string& output) {
  if (!name.starts_with(output) || !name.ends_with(part_ending)) return std::nullopt;
  name = name.substr(output.size(), name.size() - output.size() - std::min(part_ending.size(), name.size() - output.size()));
  if (!name.starts_with(rank_word)) return std::nullopt;
  name.remove_prefix(rank_word.size());
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (name.size() < digits || failure != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return number;
}

std::filesystem::path folder_with(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Names in the folder of an output. @throws io_error
std::vector<std::filesystem::path> names_beside(const std::filesystem::path& output) {
  std::vector<std::filesystem::path> names;
  std::error_code failure;
  for (std::filesystem::directory_iterator at(folder_with(output), failure), end; !failure && at != end; at.increment(failure))
    names.push_back(output.has_parent_path() ? at->path() : at->path().filename());
  if (failure) throw io_error(folder_with(output).string() + ": the directory cannot be read: " + failure.message());
  std::ranges::sort(names);
  return names;
}

[[noreturn]] void throw_written(const std::filesystem::path& file) {
  throw io_error(file.string() + ": is being written by another process: wait for it, or name another output");
}

void remove_left(const std::filesystem::path& file) {
  std::error_code failure;
  std::filesystem::remove(file, failure);
  if (failure) throw io_error(file.string() + ": cannot be removed: " + failure.message());
}

/// @throws invalid_argument
void refuse_other_count(const std::filesystem::path& left, const io::counted_with& found, const io::counted_with& wanted) {
  std::vector<std::string> others = io::differences(found, wanted);
  if (recorded_share(found.description)) others.emplace_back("frames of one part of the scan alone");
  if (others.empty()) return;
  throw invalid_argument(
      left.string() + ": was counted with " + io::list_of(others) + "; resume with the same inputs and options",
      {{advice_kind::replace}});
}

void add_to_ranges(std::vector<frame_range>& ranges, std::uint64_t frame) {
  if (!ranges.empty() && ranges.back().end == frame) {
    ++ranges.back().end;
  } else {
    ranges.push_back({frame, frame + 1});
  }
}

/// Nothing where it was not closed by its writer, and so cannot be read as it is.
std::unique_ptr<io::event_store_file> open_if_closed(const std::filesystem::path& left) {
  try {
    auto opened = std::make_unique<io::event_store_file>(left);
    return opened->has_plain_chunks() ? std::move(opened) : nullptr;
  } catch (const format_error&) {
    return nullptr;
  } catch (const io_error&) {
    return nullptr;
  }
}

}  // namespace

std::filesystem::path rank_store(const std::filesystem::path& output, unsigned number) {
  std::string text = std::to_string(number);
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return io::resolve_links(output).string() + std::string(rank_word) + text;
}

std::string to_bytes(const store_description& description, const store_options& options) {
  const std::vector<std::uint8_t> record = io::make_recovery_record(description, options.wide_counts);
  return {record.begin(), record.end()};
}

store_description description_from(const std::string& bytes) {
  const std::vector<std::uint8_t> record(bytes.begin(), bytes.end());
  std::vector<std::uint8_t> image = io::image_of_record(record);
  return io::read_recovery_image(image).first;
}

bool has_rank_stores(const std::filesystem::path& output) try {
  const std::filesystem::path resolved = io::resolve_links(output);
  const std::string name = resolved.filename().string();
  return std::ranges::any_of(names_beside(resolved), [&](const std::filesystem::path& file) {
    return number_in(file.filename().string(), name).has_value();
  });
} catch (const io_error&) {
  return false;
}

left_stores find_left_stores(const std::filesystem::path& output) {
  left_stores found;
  const std::filesystem::path resolved = io::resolve_links(output);
  const std::string name = resolved.filename().string();
  const std::filesystem::path part = io::part_of(output);
  for (const std::filesystem::path& file : names_beside(resolved)) {
    const std::optional<unsigned> number = number_in(file.filename().string(), name);
    if (!number && file.filename() != part.filename()) continue;
    if (number) found.next_number = std::max(found.next_number, *number + 1);
    io::remove_part_without_frames(file);
    std::error_code gone;
    if (!std::filesystem::exists(file, gone)) continue;
    found.files.push_back(file);
  }
  return found;
}

void remove_left_stores(const std::filesystem::path& output, std::span<const std::filesystem::path> files) {
  for (const std::filesystem::path& file : files) {
    const std::optional<io::file_handle> left = io::file_handle::try_open_write(file);
    if (left && io::lock_file(left->descriptor()) == io::lock_state::taken) throw_written(file);
    remove_left(file);
  }
  const std::filesystem::path resolved = io::resolve_links(output);
  for (const std::filesystem::path& file : names_beside(resolved)) {
    std::string name = file.filename().string();
    if (!name.ends_with(scratch_ending)) continue;
    name.resize(name.size() - scratch_ending.size());
    if (!number_in(name, resolved.filename().string())) continue;
    const std::optional<io::file_handle> left = io::file_handle::try_open_write(file);
    if (left && io::lock_file(left->descriptor()) == io::lock_state::free) remove_left(file);
  }
}

std::optional<mended_store> mend_left_store(const std::filesystem::path& left, const std::filesystem::path& as,
                                            const store_description& description, const store_options& options,
                                            const output_rules& rules) {
  const std::optional<io::file_handle> unfinished = io::file_handle::try_open_write(left);
  if (!unfinished || unfinished->size() == 0) return std::nullopt;
  if (io::lock_file(unfinished->descriptor()) == io::lock_state::taken) throw_written(left);
  const io::counted_with wanted{description, options.wide_counts ? 2U : 1U};
  mended_store mended{left, {}};
  if (const auto closed = open_if_closed(left)) {
    refuse_other_count(left, {closed->description(), closed->frame_layout().element_bytes}, wanted);
    for (std::uint64_t frame = 0; frame < closed->counts().size(); ++frame) {
      if (closed->counts()[frame] != not_written) add_to_ranges(mended.held, frame);
    }
    return mended;
  }
  const io::found_store found = io::scan_event_store(*unfinished);
  refuse_other_count(left, {found.description, found.frame.element_bytes}, wanted);
  if (found.chunks.empty()) return std::nullopt;
  io::hdf5_event_store_writer writer({as, event_store_output, rules, io::temporary_name::part}, found.description, options);
  io::copy_chunks(*unfinished, found.chunks, writer);
  writer.become_part();
  mended.file = writer.abandon({});
  remove_left(left);
  for (const io::found_chunk& chunk : found.chunks) add_to_ranges(mended.held, chunk.footer.facts.frame);
  return mended;
}

}  // namespace countem
