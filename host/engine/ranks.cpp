#include <countem/ranks.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "host/engine/failure_text.hpp"

namespace countem {

namespace {

// Shared numbers.
constexpr unsigned stop_number = 0;
constexpr unsigned frames_number = 1;
constexpr unsigned events_number = 2;
constexpr unsigned first_dealer = 3;

/// A rank that does not come though the job is to end has probably been ended itself.
constexpr std::chrono::seconds patience{20};

/// A range is this part of a rank's even share of what is left: a rank that is so many times slower than the others still
/// ends with them.
constexpr std::uint64_t parts_of_share = 16;

/// The failure to be reported, and the rank that it is of; nothing where there is none.
std::optional<std::size_t> worst_of(const std::vector<std::string>& failures) {
  const auto reported = [&](bool interruption) {
    const auto of_kind = [&](const std::string& text) {
      return !text.empty() && engine::failure_from(text).is_interruption == interruption;
    };
    return std::ranges::find_if(failures, of_kind);
  };
  auto found = reported(false);
  if (found == failures.end()) found = reported(true);
  if (found == failures.end()) return std::nullopt;
  return static_cast<std::size_t>(found - failures.begin());
}

std::string name_of_rank(const std::string& host, std::size_t rank) {
  return "rank " + std::to_string(rank) + " on " + host;
}

}  // namespace

std::string ranks::name() const {
  return name_of_rank(self().host, self().rank);
}

void ranks::together(const std::function<void()>& step, const communicator::meanwhile& waiting) {
  if (is_alone()) {
    step();
    return;
  }
  std::string failure;
  try {
    step();
  } catch (...) {
    failure = engine::text_of_failure(std::current_exception());
    ask_to_stop();
  }
  const std::vector<std::string> failures = gather(failure, waiting);
  const std::optional<std::size_t> worst = worst_of(failures);
  if (!worst) return;
  failed_ = true;
  const bool all_alike = std::ranges::count(failures, failures[*worst]) == static_cast<std::ptrdiff_t>(failures.size());
  const engine::known_failure known = engine::failure_from(failures[*worst]);
  const std::string host = gather(self().host, {})[*worst];
  const bool of_all = all_alike || known.is_interruption;
  engine::throw_failure(failures[*worst], of_all ? known.words : name_of_rank(host, *worst) + ": " + known.words);
}

std::string ranks::from_first(const std::function<std::string()>& step) {
  std::string text;
  together([&] {
    if (is_first()) text = step();
  });
  return all_.broadcast(text);
}

std::vector<std::string> ranks::all_gather(const std::string& mine) {
  return gather(mine, {});
}

std::vector<std::string> ranks::gather(const std::string& mine, const communicator::meanwhile& waiting) {
  std::optional<std::chrono::steady_clock::time_point> since;
  return all_.all_gather(mine, [&] {
    if (waiting) waiting();
    if (!stop_requested.load(std::memory_order_relaxed)) return;
    if (!since) {
      since = std::chrono::steady_clock::now();
      ask_to_stop();
    } else if (std::chrono::steady_clock::now() - *since > patience) {
      throw interrupted("interrupted; other ranks do not answer");
    }
  });
}

void ranks::ask_to_stop() {
  if (asked_ || is_alone()) return;
  asked_ = true;
  all_.add(stop_number, 1);
}

bool ranks::is_asked_to_stop() {
  return all_.add(stop_number, 0) != 0;
}

void ranks::advance(std::uint64_t frames, std::uint64_t events) {
  all_.add(frames_number, frames);
  all_.add(events_number, events);
}

std::pair<std::uint64_t, std::uint64_t> ranks::done() {
  return {all_.add(frames_number, 0), all_.add(events_number, 0)};
}

ranks::dealer ranks::deal(std::vector<frame_range> frames) {
  const unsigned number = first_dealer + dealers_++;
  if (number >= communicator::shared_numbers) throw invalid_argument("frames are dealt too often");
  return {all_, number, std::move(frames)};
}

ranks::dealer::dealer(communicator& all, unsigned number, std::vector<frame_range> frames)
    : all_(all), number_(number), frames_(std::move(frames)) {
  for (const frame_range& range : frames_) total_ += range.frames();
  left_ = total_;
}

frame_range ranks::dealer::next(std::uint64_t together) {
  if (dealt_.empty()) {
    const std::uint64_t least = std::max<std::uint64_t>(1, together);
    const std::uint64_t share = left_ / (parts_of_share * all_.self().size);
    const std::uint64_t wanted = std::max(least, share - share % least);
    // As though all frames that are dealt followed one another.
    std::uint64_t first = std::min(total_, all_.add(number_, wanted));
    std::uint64_t some = std::min(wanted, total_ - first);
    left_ = total_ - first - some;
    for (const frame_range& range : frames_) {
      if (some == 0) break;
      if (first >= range.frames()) {
        first -= range.frames();
        continue;
      }
      const std::uint64_t taken = std::min(some, range.frames() - first);
      dealt_.push_back({range.first + first, range.first + first + taken});
      some -= taken;
      first = 0;
    }
    std::ranges::reverse(dealt_);
  }
  if (dealt_.empty()) return {};
  const frame_range next = dealt_.back();
  dealt_.pop_back();
  return next;
}

}  // namespace countem
