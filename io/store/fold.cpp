#include "io/store/fold.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <countem/dense_type.hpp>
#include <countem/error.hpp>
#include <countem/large_output.hpp>
#include <countem/version.hpp>
#include <countem/work.hpp>

#include "io/store/background_writer.hpp"
#include "io/store/chunk_copy.hpp"
#include "io/store/parts.hpp"
#include "io/store/writer.hpp"

namespace countem {

namespace io {
namespace {

/// The chunk of a frame with another frame number.
void renumber(std::vector<std::uint8_t>& chunk, chunk_footer& footer, std::uint64_t frame) {
  footer.facts.frame = frame;
  chunk.resize(chunk.size() - chunk_footer_bytes);
  append_footer(footer, 0, chunk);
  footer = *find_footer(chunk);  // with its CRC
}

/// Whether chunks can be copied: they lie in the file, and the first is as our writer makes it.
bool holds_our_chunks(const event_store_file& file, part* opened) {
  if (file.led_elsewhere() || !file.has_plain_chunks() || opened == nullptr) return false;
  const auto first = std::ranges::find_if(file.counts(), [](std::uint32_t count) { return count != not_written; });
  if (first == file.counts().end()) return true;
  std::vector<std::uint8_t> chunk;
  try {
    static_cast<void>(opened->read(static_cast<std::uint64_t>(first - file.counts().begin()), chunk));
  } catch (const format_error&) {  // what it is, decoding finds out
    return false;
  }
  return true;
}

void copy_chunks_of(part& from, const folded_order& order, hdf5_event_store_writer& to, folding_report& report) {
  work copying("folding", "frames", order.scan().frames());
  chunk_copy writing(to);
  std::vector<std::uint8_t> chunk;
  std::vector<frame_facts> marks;
  for (std::uint64_t frame = 0; frame < order.scan().frames(); ++frame) {
    copying.advance();
    const std::optional<std::uint64_t> stored = order.stored(frame);
    if (!stored) continue;
    if (!from.holds(*stored)) {
      frame_facts facts = from.facts(*stored);
      facts.frame = frame;
      if (facts.status != 0 || facts.xrays != 0) marks.push_back(facts);
      continue;
    }
    chunk_footer footer = from.read(*stored, chunk);
    renumber(chunk, footer, frame);
    writing.put(footer, chunk);
    ++report.frames;
    report.events += footer.events;
  }
  writing.finish();
  for (const frame_facts& facts : marks) to.write_missing(facts);
}

/// Where chunks cannot be copied, events are.
void copy_events_of(const event_store& folded, hdf5_event_store_writer& to, folding_report& report) {
  work copying("folding", "frames", folded.frames());
  background_writer writer(to, 0);
  constexpr std::uint64_t most = 256;
  event_batch events;
  for (std::uint64_t first = 0; first < folded.frames(); first += most) {
    const std::uint64_t count = std::min(most, folded.frames() - first);
    folded.read(first, static_cast<std::size_t>(count), events, 0);
    writer.put(events);
    copying.advance(count);
  }
  writer.finish();
  for (const std::uint32_t count : folded.counts()) {
    if (count == not_written) continue;
    ++report.frames;
    report.events += count;
  }
}

}  // namespace
}  // namespace io

folding_report fold_event_store(const std::filesystem::path& store, const std::filesystem::path& output, const folding& wanted,
                                const std::string& command_line, output_rules rules) {
  rules.inputs.push_back(store);
  check_output(output, event_store_output, rules);
  std::unique_ptr<event_store> opened = open_event_store(store);
  const io::folded_order order(opened->description(), wanted, store.string());
  folding_report report;
  report.issues = misfits(*opened, wanted, store.string());
  store_description description = io::folded_description(opened->description(), order, wanted);
  description.provenance.emplace_back("fold_program", std::string("countem ") + version);
  description.provenance.emplace_back("fold_command_line", command_line);
  std::erase_if(description.provenance, [](const auto& entry) { return entry.first == "folded_from"; });
  description.provenance.emplace_back("folded_from", store.string());
  expect_output(output, "the frames of " + store.string(), std::filesystem::file_size(store), size_is::estimated);
  store_options options;
  options.wide_counts = dense_type(*opened) != pixel_type::u8;
  options.keep_unfinished = false;  // it is made from a store that is still there
  std::optional<io::part> chunks;
  {
    const io::event_store_file file(store);
    if (!file.led_elsewhere() && file.has_plain_chunks()) chunks.emplace(store);
    if (!io::holds_our_chunks(file, chunks ? &*chunks : nullptr)) chunks.reset();
  }
  io::hdf5_event_store_writer writer({output, event_store_output, rules}, description, options);
  const std::vector<input_file> files(opened->files().begin(), opened->files().end());
  if (chunks)
    io::copy_chunks_of(*chunks, order, writer, report);
  else
    io::copy_events_of(*fold(std::move(opened), wanted), writer, report);
  std::vector<source_issue> changed = changed_inputs(files);
  report.issues.insert(report.issues.end(), changed.begin(), changed.end());
  writer.finish({}, report.issues);
  return report;
}

}  // namespace countem
