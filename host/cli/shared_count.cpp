#include "host/cli/shared_count.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include <countem/devices.hpp>
#include <countem/error.hpp>
#include <countem/rank_stores.hpp>
#include <countem/stop.hpp>
#include <countem/threads.hpp>

namespace countem::cli {

namespace {

/// How often a rank reports what it counted, and asks whether all are to stop.
constexpr std::chrono::milliseconds between_reports{100};

std::uint64_t frames_in(const std::vector<frame_range>& ranges) {
  std::uint64_t frames = 0;
  for (const frame_range& range : ranges) frames += range.frames();
  return frames;
}

/// Text of what JSON cannot hold: names of files are any bytes.
std::string line_of(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

void shared_count::run() {
  all_.together([&] { open(); });
  require_same_input();
  share_calibration();
  if (!wanted_.live.empty()) find_centre();
  all_.together([&] { make_reductions(); });
  find_what_is_left();
  count();
  gather_results();
  require_all_counted();
  add_reductions();
  merge();
  draw();
  if (all_.is_first()) report(ranks_json());
}

/// Rank 0 makes the outputs. Where a machine has devices, its ranks take them in turn.
void shared_count::check_outputs() {
  if (chosen_.used == backend::cuda) {
    std::vector<unsigned> devices = wanted_.devices;
    for (unsigned number = 0; wanted_.devices.empty() && number < cuda::device_count(); ++number) devices.push_back(number);
    devices_ = devices_of_rank(all_.self(), devices);
  }
  if (all_.is_first()) count_run::check_outputs();
}

std::filesystem::path shared_count::live_directory() const {
  return all_.is_first() ? count_run::live_directory() : std::filesystem::path();
}

/// A folder that another machine has mounted elsewhere, or filled otherwise, must not become half of a scan.
void shared_count::require_same_input() {
  nlohmann::ordered_json seen{{"format", to_string(info().format)},
                              {"frame", {info().shape.height, info().shape.width}},
                              {"type", to_string(info().type)},
                              {"scan", {info().scan.height, info().scan.width, info().scan.frames_per_position}},
                              {"missing", info().missing_frames},
                              {"incomplete", info().incomplete_frames},
                              {"bytes", nlohmann::ordered_json::array()}};
  for (const input_file& file : info().files) seen["bytes"].push_back(file.bytes);
  const std::vector<std::string> all_saw = all_.all_gather(line_of(seen));
  all_.together([&] {
    if (all_saw[all_.self().rank] != all_saw.front())
      throw format_error("sees other raw frames under the same names than rank 0 does: their number, size or format differs");
  });
}

/// Darks and sample are read once. All ranks continue with what a store would hold, so that all have the same bits.
void shared_count::share_calibration() {
  description_ = all_.from_first([&] {
    set_up(found_calibration());
    inform_of_calibration();
    return to_bytes(described(), wanted_.store);
  });
  all_.together([&] {
    if (!all_.is_first()) set_up(description_from(description_).calibrated);
  });
}

void shared_count::find_centre() {
  const std::string centre = all_.from_first([&] {
    count_run::find_centre();
    if (!plan_.centre) return std::string();
    return fmt::format("{:a} {:a}", plan_.centre->row, plan_.centre->column);
  });
  if (centre.empty() || all_.is_first()) return;
  char* column = nullptr;
  const double row = std::strtod(centre.c_str(), &column);
  plan_.centre = detector_point{row, std::strtod(column, nullptr)};
}

void shared_count::find_what_is_left() {
  const std::string listed = all_.from_first([&] {
    left_stores left = find_left_stores(wanted_.output);
    if (!wanted_.resume && !left.files.empty()) {
      if (!ctx_.force) {
        throw invalid_argument(left.files.front().string() + ": holds the frames of an earlier count that did not finish",
                               {{advice_kind::resume_counting}, {advice_kind::recover_frames}, {advice_kind::replace}});
      }
      remove_left_stores(wanted_.output, left.files);
      left = {};
    }
    std::string lines = std::to_string(left.next_number) + '\n';
    for (const std::filesystem::path& file : left.files) lines += file.string() + '\0';
    return lines;
  });
  const std::size_t end = listed.find('\n');
  const auto first_number = static_cast<unsigned>(std::stoul(listed.substr(0, end)));
  std::vector<std::filesystem::path> left;
  for (std::size_t at = end + 1; at < listed.size();) {
    const std::size_t next = listed.find('\0', at);
    left.emplace_back(listed.substr(at, next - at));
    at = next + 1;
  }
  mend(left, first_number);
  create_store(first_number + static_cast<unsigned>(left.size()));
}

/// Ranks take what is left in turn.
void shared_count::mend(const std::vector<std::filesystem::path>& left, unsigned first_number) {
  std::string mine;
  all_.together([&] {
    nlohmann::ordered_json mended = nlohmann::ordered_json::array();
    std::string names;
    const store_description description = description_from(description_);
    for (std::size_t i = all_.self().rank; i < left.size(); i += all_.self().size) {
      const auto number = static_cast<unsigned>(first_number + i);
      const auto one = mend_left_store(left[i], rank_store(wanted_.output, number), description, wanted_.store, rules_);
      if (!one) continue;
      nlohmann::ordered_json held = nlohmann::ordered_json::array();
      for (const frame_range& range : one->held) held.push_back({range.first, range.end});
      mended.push_back(held);
      names += one->file.string() + '\0';
    }
    mine = line_of(mended) + '\0' + names;
  });
  std::vector<frame_range> held;
  for (const std::string& given : all_.all_gather(mine)) {
    const std::size_t end = given.find('\0');
    for (const nlohmann::ordered_json& store : nlohmann::ordered_json::parse(given.substr(0, end))) {
      for (const nlohmann::ordered_json& range : store)
        held.push_back({range[0].get<std::uint64_t>(), range[1].get<std::uint64_t>()});
    }
    for (std::size_t at = end + 1; at < given.size();) {
      const std::size_t next = given.find('\0', at);
      kept_.emplace_back(given.substr(at, next - at));
      at = next + 1;
    }
  }
  frames_ = frames_but(info().scan.frames(), std::move(held));
  resumed_after_ = info().scan.frames() - frames_in(frames_);
  if (wanted_.resume) ctx_.inform("resuming after {} frames", with_separators(resumed_after_));
}

void shared_count::create_store(unsigned number) {
  for (unsigned rank = 0; rank < all_.self().size; ++rank)
    stores_.push_back(rank_store(wanted_.output, number + rank).string() + ".part");
  all_.together([&] {
    output_rules rules = rules_;
    if (!all_.is_first()) rules = ctx_.rules(paths_of(info().files, references_));
    store_.writer = create_event_store(rank_store(wanted_.output, number + all_.self().rank), description_from(description_),
                                       wanted_.store, rules);
  });
  all_.together([&] {
    if (!all_.is_first()) return;
    for (unsigned rank = 0; rank < all_.self().size; ++rank) {
      std::error_code unknown;
      if (std::filesystem::exists(stores_[rank], unknown)) continue;
      throw io_error(
          fmt::format("{}: rank {} writes it, and rank 0 does not see it: the output must be in a folder that all "
                      "machines share",
                      stores_[rank].string(), rank));
    }
  });
  const unsigned threads = wanted_.threads != 0 ? wanted_.threads : usable_threads();
  if (!all_.is_alone()) ctx_.inform("{} ranks, {} threads each", all_.self().size, threads);
}

std::string shared_count::kept_words() const {
  return wanted_.output.string() + ".rank*.part";
}

void shared_count::count() {
  progress_display display(info().shape.pixels() * size_of(info().type), ctx_.quiet);
  ranks::dealer dealer = all_.deal(frames_);
  pipeline_options running = how_to_count();
  if (!devices_.empty()) running.devices = devices_;
  running.stop = &stopping_;
  running.sharers = all_.self().size;
  running.next_range = [&](std::uint64_t together) { return dealer.next(together); };
  running.progress = [&](const count_progress& now) {
    publish(now);
    if (all_.is_first()) show(display);
  };
  start_ = std::chrono::steady_clock::now();
  const auto step = [&] {
    const auto kept = [&] {
      try {
        store_.writer->abandon();
      } catch (const io_error&) {  // what it could not close is found in the file all the same
      }
      return "; what was counted before is kept in " + kept_words();
    };
    try {
      result_ = count_frames(*source_, setup_, *store_.writer, running);
      published_ = {};
      publish({result_.frames + result_.missing_frames, 0, result_.events, 0});
      if (!result_.stopped) std::ranges::move(changed_inputs(references_), std::back_inserter(result_.issues));
      store_.writer->abandon(result_.issues);
    } catch (const io_error& failure) {
      throw io_error(failure.what() + kept(), failure.advised());
    } catch (const format_error& failure) {
      throw format_error(failure.what() + kept(), failure.advised());
    }
  };
  all_.together(step, [&] {
    if (all_.is_first()) show(display);
  });
  display.close();
}

/// Not more often than anybody wants to know.
void shared_count::publish(const count_progress& now) {
  const auto time = std::chrono::steady_clock::now();
  if (time - published_ < between_reports) return;
  published_ = time;
  all_.advance(now.frames_done - told_.frames_done, now.events - told_.events);
  told_ = now;
  if (ctx_.stop.load(std::memory_order_relaxed)) all_.ask_to_stop();
  if (all_.is_asked_to_stop()) stopping_ = true;
}

void shared_count::show(progress_display& display) {
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - start_;
  const auto [frames, events] = all_.done();
  display.update({resumed_after_ + frames, info().scan.frames(), events, since.count()});
}

void shared_count::gather_results() {
  const nlohmann::ordered_json mine{{"host", all_.self().host},
                                    {"backend", static_cast<unsigned>(result_.used)},
                                    {"numbers",
                                     {result_.frames, result_.missing_frames, result_.incomplete_frames, result_.events,
                                      result_.xrays, result_.device_frames}},
                                    {"seconds", result_.seconds},
                                    {"issues", issues_text(result_.issues)}};
  result_ = {};
  for (const std::string& text : all_.all_gather(line_of(mine))) {
    const nlohmann::ordered_json of_rank = nlohmann::ordered_json::parse(text);
    counted one;
    one.host = of_rank["host"].get<std::string>();
    one.result.used = static_cast<backend>(of_rank["backend"].get<unsigned>());
    const nlohmann::ordered_json& numbers = of_rank["numbers"];
    one.result.frames = numbers[0].get<std::uint64_t>();
    one.result.missing_frames = numbers[1].get<std::uint64_t>();
    one.result.incomplete_frames = numbers[2].get<std::uint64_t>();
    one.result.events = numbers[3].get<std::uint64_t>();
    one.result.xrays = numbers[4].get<std::uint64_t>();
    one.result.device_frames = numbers[5].get<std::uint64_t>();
    one.result.seconds = of_rank["seconds"].get<double>();
    for (source_issue& issue : issues_from(of_rank["issues"].get<std::string>())) {
      if (std::ranges::find(result_.issues, issue) == result_.issues.end()) result_.issues.push_back(std::move(issue));
    }
    result_.frames += one.result.frames;
    result_.missing_frames += one.result.missing_frames;
    result_.incomplete_frames += one.result.incomplete_frames;
    result_.events += one.result.events;
    result_.xrays += one.result.xrays;
    result_.device_frames += one.result.device_frames;
    result_.seconds = std::max(result_.seconds, one.result.seconds);
    counted_.push_back(std::move(one));
  }
  result_.used = result_.device_frames != 0 ? backend::cuda : counted_.front().result.used;
  ctx_.warn_of(result_.issues);
}

void shared_count::require_all_counted() {
  const std::uint64_t done = result_.frames + result_.missing_frames;
  const std::uint64_t all = frames_in(frames_);
  if (done == all) return;
  all_.together([&] {
    throw interrupted(fmt::format("interrupted after {} of {} frames; they are kept in {}",
                                  with_separators(resumed_after_ + done), with_separators(info().scan.frames()), kept_words()),
                      {{advice_kind::resume_counting}});
  });
}

void shared_count::add_reductions() {
  all_.together([&] {
    if (live_) live_->reducer().add_over_ranks(all_.all());
    if (pictures_ && resumed_after_ == 0) pictures_->add_over_ranks(all_.all());
  });
}

merge_report shared_count::merged_stores(const std::vector<std::filesystem::path>& stores,
                                         std::span<const saved_image> reductions) {
  const std::string kept = "; all frames are counted, and kept in " + kept_words();
  try {
    return merge_rank_stores(stores, wanted_.output, described(), reductions, result_.issues, rules_);
  } catch (const interrupted& failure) {
    throw interrupted(failure.what() + kept, {{advice_kind::resume_counting}});
  } catch (const io_error& failure) {
    throw io_error(failure.what() + kept, {{advice_kind::resume_counting}});
  }
}

void shared_count::merge() {
  all_.together([&] {
    if (!all_.is_first()) return;
    std::vector<std::filesystem::path> stores = kept_;
    stores.insert(stores.end(), stores_.begin(), stores_.end());
    const std::vector<saved_image> reductions = live_ ? live_->finish() : std::vector<saved_image>();
    const merge_report merged = merge_rank_stores(stores, wanted_.output, described(), reductions, result_.issues, rules_);
    if (merged.frames < result_.frames)
      throw io_error(fmt::format("{}: the ranks wrote {} frames, and {} are there", wanted_.output.string(),
                                 with_separators(result_.frames), with_separators(merged.frames)));
    remove_left_stores(wanted_.output, stores);
  });
}

/// Of frames that were counted before, no sum is known: then all is read back.
void shared_count::draw() {
  all_.together([&] {
    if (!all_.is_first() || !pictures_) return;
    if (resumed_after_ != 0) pictures_.emplace(event_grid(setup_), info().scan, wanted_.threads);
    draw_pictures(resumed_after_ != 0 ? info().scan.frames() : 0);
  });
}

nlohmann::ordered_json shared_count::ranks_json() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::uint64_t least = counted_.front().result.frames;
  std::uint64_t most = least;
  for (std::size_t rank = 0; rank < counted_.size(); ++rank) {
    const counted& one = counted_[rank];
    list.push_back({{"rank", rank},
                    {"host", one.host},
                    {"frames", one.result.frames},
                    {"events", one.result.events},
                    {"seconds", one.result.seconds}});
    least = std::min(least, one.result.frames);
    most = std::max(most, one.result.frames);
  }
  if (!all_.is_alone())
    ctx_.inform("{} ranks counted {} to {} frames each", counted_.size(), with_separators(least), with_separators(most));
  return all_.is_alone() ? nlohmann::ordered_json::object() : nlohmann::ordered_json{{"ranks", list}};
}

}  // namespace countem::cli
