#include "io/event_files/tpx3_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <tuple>

#include <countem/error.hpp>
#include <countem/stop.hpp>

#include "io/sources/source_issues.hpp"

namespace countem::io {

namespace {

constexpr std::uint32_t magic = 0x33585054;  ///< "TPX3"
constexpr std::uint32_t chip_side = 256;
constexpr std::size_t chips_of_a_quad = 4;
constexpr std::uint64_t block_words = std::uint64_t{1} << 17U;
/// Times in the file start anew after 2^34 of their units, some 27 s.
constexpr std::uint64_t turn = std::uint64_t{1} << 34U;

/// The time that is nearest to the clock of all that have these low bits.
std::uint64_t unwrapped(std::uint64_t low, std::uint64_t& clock) {
  low %= turn;
  if (clock == 0) return clock = low + turn;  // so that what is a little older is above 0
  const std::uint64_t ahead = (low - clock) % turn;
  const std::uint64_t time = ahead < turn / 2 ? clock + ahead : clock + ahead - turn;
  clock = std::max(clock, time);
  return time;
}

std::uint64_t bits(std::uint64_t word, unsigned first, unsigned count) {
  return word >> first & ((std::uint64_t{1} << count) - 1);
}

/// A hit in the pixels of its chip.
tpx3_hit hit_of(std::uint64_t word, std::uint64_t& clock) {
  constexpr unsigned address = 44;
  const std::uint64_t coarse = bits(word, 0, 16) << 14U | bits(word, 30, 14);
  tpx3_hit hit;
  hit.time = unwrapped((coarse << 4U) - bits(word, 16, 4), clock);
  hit.charge = static_cast<std::uint16_t>(bits(word, 20, 10));
  hit.column = static_cast<std::uint16_t>(bits(word, address + 9, 7) * 2 + bits(word, address + 2, 1));
  hit.row = static_cast<std::uint16_t>(bits(word, address + 3, 6) * 4 + bits(word, address, 2));
  return hit;
}

std::optional<tpx3_edge> edge_of(std::uint64_t word) {
  switch (word >> 56U) {
    case 0x6f: return tpx3_edge::rise_1;
    case 0x6e: return tpx3_edge::rise_2;
    case 0x6a: return tpx3_edge::fall_1;
    case 0x6b: return tpx3_edge::fall_2;
    default: return std::nullopt;
  }
}

/// Goes through words as they follow one another in the file.
template <class OnHit, class OnMark, class OnDamage>
void walk(std::span<const std::uint64_t> words, tpx3_state& state, OnHit&& on_hit, OnMark&& on_mark, OnDamage&& on_damage) {
  constexpr std::uint64_t hit_nibble = 0xb;
  for (const std::uint64_t word : words) {
    // A hit may have these bits, too.
    const bool is_header = static_cast<std::uint32_t>(word) == magic && (state.words_left == 0 || word >> 60U != hit_nibble);
    if (is_header || state.words_left == 0) {
      if (!is_header || state.words_left != 0) on_damage();
      if (is_header) {
        state.chip = static_cast<std::uint32_t>(bits(word, 32, 8));
        if (state.chip < chips_of_a_quad) state.chips = static_cast<std::uint8_t>(state.chips | 1U << state.chip);
        state.words_left = static_cast<std::uint32_t>(bits(word, 48, 16) / sizeof word);
      }
      continue;
    }
    --state.words_left;
    if (word >> 60U == hit_nibble) {
      on_hit(hit_of(word, state.clock));
    } else if (const std::optional<tpx3_edge> edge = edge_of(word)) {
      on_mark(*edge, unwrapped(bits(word, 9, 35) * 2, state.clock));
    }
  }
}

/// The words of the file that are whole from an offset on, up to so many.
void read_words(const file_handle& file, std::uint64_t offset, std::uint64_t most, std::vector<std::uint64_t>& words) {
  words.resize(static_cast<std::size_t>(most));
  const std::size_t bytes = file.read_at(offset, words.data(), words.size() * sizeof(std::uint64_t));
  words.resize(bytes / sizeof(std::uint64_t));
}

/// Of four chips: the two upper ones stand as they are, the two lower ones upside down.
void place(tpx3_hit& hit, std::uint32_t chip) {
  constexpr auto last = static_cast<std::uint16_t>(2 * chip_side - 1);
  const bool is_right = chip < 2;
  if (chip == 1 || chip == 2) {
    hit.row = static_cast<std::uint16_t>(last - hit.row);
    hit.column = static_cast<std::uint16_t>((is_right ? last : chip_side - 1) - hit.column);
  } else if (is_right) {
    hit.column = static_cast<std::uint16_t>(hit.column + chip_side);
  }
}

class tpx3_indexing {
 public:
  explicit tpx3_indexing(const file_handle& file) : file_(file) {}

  tpx3_index result() {
    std::vector<std::uint64_t> words;
    tpx3_state state;
    std::uint64_t offset = 0;
    for (read_words(file_, 0, block_words, words); !words.empty(); read_words(file_, offset, block_words, words)) {
      check_stop();
      take({offset, words.size(), state, std::numeric_limits<std::uint64_t>::max()}, words, state);
      offset += words.size() * sizeof(std::uint64_t);
    }
    if (state.words_left != 0 || file_.size() != offset) {
      issues_.add("truncated_file", file_.path(), [] { return "ends within a chunk: what followed is lost"; });
    }
    if (made_.hits == 0) throw format_error("holds no hits");
    set_shape(state);
    std::ranges::sort(made_.blocks, {}, &tpx3_block::first_time);
    for (std::vector<std::uint64_t>& marks : made_.marks) leave_each_once(marks);
    made_.last_time = state.clock;
    made_.issues = issues_.take();
    return std::move(made_);
  }

 private:
  void take(tpx3_block block, std::span<const std::uint64_t> words, tpx3_state& state) {
    const std::uint64_t before = made_.hits;
    walk(
        words, state,
        [&](const tpx3_hit& hit) {
          note_gap_before(hit.time);
          block.first_time = std::min(block.first_time, hit.time);
          ++made_.hits;
          if (state.chip >= chips_of_a_quad) ++hits_beyond_quad_;
        },
        [&](tpx3_edge edge, std::uint64_t time) {
          note_gap_before(time);
          made_.marks[static_cast<std::size_t>(edge)].push_back(time);
        },
        [&] {
          issues_.add("damaged_chunk", file_.path(), [&] {
            return fmt::format("8 bytes near byte {} are no part of a chunk of packets: what they stood for is lost",
                               block.offset);
          });
        });
    if (made_.hits > before) made_.blocks.push_back(block);
  }

  /// A time is taken for the nearest one to those before it; what is half a turn away cannot be known from what is near.
  void note_gap_before(std::uint64_t time) {
    const std::uint64_t gap = time > latest_ ? time - latest_ : latest_ - time;
    if (latest_ != 0 && gap > turn / 4) {
      issues_.add("uncertain_times", file_.path(), [&] {
        constexpr double units_of_a_second = 1e9 / tpx3_ns;
        return fmt::format(
            "packets that follow one another lie {:.1f} s apart; their times start anew every {:.1f} s, so that positions are "
            "wrong where a gap is longer than half of that, or where hits and marks do not lie together in the file",
            static_cast<double>(gap) / units_of_a_second, static_cast<double>(turn) / units_of_a_second);
      });
    }
    latest_ = std::max(latest_, time);
  }

  /// Several chips may report one mark, and its edge may bounce: within one period of their clocks it is one.
  void leave_each_once(std::vector<std::uint64_t>& marks) {
    constexpr std::uint64_t period = 16;
    std::ranges::sort(marks);
    const auto once =
        std::unique(marks.begin(), marks.end(), [](std::uint64_t one, std::uint64_t later) { return later - one <= period; });
    const auto repeated = static_cast<std::uint64_t>(marks.end() - once);
    issues_.add(
        "repeated_marks", file_.path(),
        [&] { return fmt::format("marks of a scan within 25 ns of one another are taken for one, {} in all", repeated); },
        repeated);
    marks.erase(once, marks.end());
  }

  void set_shape(const tpx3_state& last) {
    if (hits_beyond_quad_ > 0) {
      throw format_error(fmt::format("{} of its {} hits are of chips beyond the fourth, whose places are not known",
                                     hits_beyond_quad_, made_.hits));
    }
    const std::uint32_t side = std::has_single_bit(last.chips) ? chip_side : 2 * chip_side;
    made_.shape = {side, side};
    made_.chips = last.chips;
  }

  const file_handle& file_;
  tpx3_index made_;
  std::uint64_t hits_beyond_quad_ = 0;
  std::uint64_t latest_ = 0;  ///< time so far
  issue_list issues_;
};

}  // namespace

bool is_tpx3(const file_handle& file) {
  std::uint32_t first = 0;
  return file.read_at(0, &first, sizeof first) == sizeof first && first == magic;
}

tpx3_index index_tpx3(const file_handle& file) {
  return tpx3_indexing(file).result();
}

std::span<const tpx3_hit> tpx3_hits::next() {
  hits_.erase(hits_.begin(), hits_.begin() + static_cast<std::ptrdiff_t>(shown_));
  shown_ = 0;
  const bool is_quad = index_.shape.height > chip_side;
  while (next_block_ < index_.blocks.size()) {
    tpx3_block block = index_.blocks[next_block_++];
    read_words(file_, block.offset, block.words, words_);
    walk(
        words_, block.before,
        [&](tpx3_hit hit) {
          if (is_quad) place(hit, block.before.chip);
          hits_.push_back(hit);
        },
        [](tpx3_edge, std::uint64_t) {}, [] {});
    if (next_block_ < index_.blocks.size() && hits_.size() < block_words) continue;
    std::ranges::sort(hits_, {}, [](const tpx3_hit& hit) { return std::tuple(hit.time, hit.row, hit.column); });
    if (next_block_ == index_.blocks.size()) break;
    const std::uint64_t end = index_.blocks[next_block_].first_time;
    const auto later = std::ranges::lower_bound(hits_, end, {}, &tpx3_hit::time);
    shown_ = static_cast<std::size_t>(later - hits_.begin());
    if (shown_ > 0) return std::span(hits_).first(shown_);
  }
  shown_ = hits_.size();
  return hits_;
}

}  // namespace countem::io
