#include <countem/scan_path.hpp>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <countem/error.hpp>

namespace countem {

namespace {

/// As many as a scan may have.
constexpr std::int64_t most_frames = std::int64_t{1} << 28;

std::string counted(std::uint64_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

/// Width and height.
using folding = std::pair<std::uint64_t, std::uint64_t>;

std::string name_of(const folding& scan) {
  return std::to_string(scan.first) + " x " + std::to_string(scan.second);
}

/// How far a folding is from the wanted one: in shape, on a scale of ratios.
double distance(const folding& scan, const scan_shape& wanted) {
  const auto ratio = [](double width, double height) { return std::log(width / height); };
  return std::abs(ratio(static_cast<double>(scan.first), static_cast<double>(scan.second)) -
                  ratio(wanted.width, wanted.height));
}

/// The wanted one's neighbours first; without lines of one position and single lines.
std::vector<folding> exact_foldings(std::uint64_t positions, const scan_shape& wanted) {
  std::vector<folding> found;
  for (std::uint64_t side = 2; side * side <= positions; ++side) {
    if (positions % side != 0) continue;
    found.emplace_back(side, positions / side);
    if (side * side != positions) found.emplace_back(positions / side, side);
  }
  std::stable_sort(found.begin(), found.end(),
                   [&](const folding& a, const folding& b) { return distance(a, wanted) < distance(b, wanted); });
  return found;
}

/// Of lines up to a quarter longer or shorter than those of a square, the one that leaves the fewest frames out.
folding best_rectangle(std::uint64_t positions) {
  const auto side = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(positions)));
  folding best{1, positions};
  std::uint64_t least = positions;
  for (std::uint64_t width = std::max<std::uint64_t>(2, side - side / 4); width <= side + side / 4 && least > 0; ++width) {
    if (positions / width < 2 || positions % width >= least) continue;
    least = positions % width;
    best = {width, positions / width};
  }
  return best;
}

}  // namespace

std::string words_of(const scan_path& path) {
  std::string words;
  const auto add = [&](const std::string& more) { words += (words.empty() ? "" : ", ") + more; };
  if (path.skip > 0) add(counted(static_cast<std::uint64_t>(path.skip), "frame") + " skipped");
  if (path.skip < 0) add("the first " + counted(static_cast<std::uint64_t>(-path.skip), "frame") + " of the scan not recorded");
  if (path.flyback > 0) add(counted(path.flyback, "frame") + " of flyback behind each line");
  if (path.snake) add("every second line backwards");
  return words;
}

scan_shape along(const scan_path& path, const scan_shape& recording, const std::optional<scan_shape>& given,
                 const std::string& name) {
  if (given) return with_repeats(*given, recording.frames_per_position);
  scan_shape scan = recording;
  const std::uint32_t repeats = scan.frames_per_position;
  if (scan.height > 1) {
    if (path.flyback % repeats != 0 || path.flyback / repeats >= scan.width) {
      throw invalid_argument(name + ": its lines of " + counted(std::uint64_t{scan.width} * repeats, "frame") +
                             " cannot end with " + std::to_string(path.flyback) + " of flyback");
    }
    scan.width -= path.flyback / repeats;
    return scan;
  }
  const auto frames = static_cast<std::int64_t>(scan.frames());
  if (path.flyback != 0 || path.snake) {
    throw invalid_argument(
        name + ": holds one line of " + counted(scan.frames(), "frame") + ": how long the lines of its scan are must be given",
        {{advice_kind::scan_size}});
  }
  if (path.skip >= frames || path.skip < frames - most_frames || (frames - path.skip) % repeats != 0) {
    throw invalid_argument(name + ": of its " + counted(scan.frames(), "frame") + " " + std::to_string(path.skip) +
                           " cannot be skipped");
  }
  scan.width = static_cast<std::uint32_t>((frames - path.skip) / repeats);
  return scan;
}

frame_order::frame_order(const scan_shape& scan, const scan_path& path, std::uint64_t recorded)
    : scan_(scan), path_(path), recorded_(recorded) {
  constexpr auto most = static_cast<std::uint64_t>(most_frames);
  if (scan.frames_per_position == 0 || scan.frames_per_position > most || scan.positions() == 0 || scan.positions() > most ||
      scan.frames() > most) {
    throw invalid_argument("a scan of " + words_of(scan) + " makes no sense: it must have 1 to " + std::to_string(most) +
                           " frames");
  }
  if (path.skip > most_frames || path.skip < -most_frames || path.flyback > most_frames) {
    throw invalid_argument("frames that are skipped, and those of flyback, are at most " + std::to_string(most_frames) + ": " +
                           std::to_string(path.skip) + " and " + std::to_string(path.flyback) + " were given");
  }
}

std::int64_t frame_order::place(std::uint64_t frame) const {
  const std::uint64_t line = frame / line_frames();
  std::uint64_t within = frame % line_frames();
  if (runs_backwards(frame)) {
    const std::uint64_t column = within / scan_.frames_per_position;
    within = (scan_.width - 1 - column) * scan_.frames_per_position + within % scan_.frames_per_position;
  }
  return path_.skip + static_cast<std::int64_t>(line * (line_frames() + path_.flyback) + within);
}

std::optional<std::uint64_t> frame_order::recorded(std::uint64_t frame) const {
  const std::int64_t at = place(frame);
  if (at < 0 || static_cast<std::uint64_t>(at) >= recorded_) return std::nullopt;
  return static_cast<std::uint64_t>(at);
}

ordered_run frame_order::run(std::uint64_t first, std::uint64_t end) const {
  const bool backwards = runs_backwards(first);
  // Frames of one position follow one another in any case.
  const bool by_position = backwards && scan_.frames_per_position > 1;
  const std::uint64_t unit = by_position ? scan_.frames_per_position : line_frames();
  const auto longest = static_cast<std::int64_t>(std::min(end, (first / unit + 1) * unit) - first);
  const std::int64_t at = place(first);
  const auto behind = static_cast<std::int64_t>(recorded_);  // the first place that was not recorded
  const bool is_there = at >= 0 && at < behind;
  ordered_run found{first, 0, std::nullopt, false};
  if (!backwards || by_position) {
    const std::int64_t left = is_there ? behind - at : at < 0 ? -at : longest;
    found.frames = static_cast<std::uint64_t>(std::min(longest, left));
    if (is_there) found.recorded = static_cast<std::uint64_t>(at);
    return found;
  }
  const std::int64_t left = is_there ? at + 1 : at < 0 ? longest : at - behind + 1;
  const std::int64_t frames = std::min(longest, left);
  found.frames = static_cast<std::uint64_t>(frames);
  if (is_there) found.recorded = static_cast<std::uint64_t>(at - frames + 1);
  found.backwards = is_there && frames > 1;
  return found;
}

std::uint64_t frame_order::needed() const {
  const auto lines = static_cast<std::int64_t>(scan_.height * (line_frames() + path_.flyback) - path_.flyback);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, lines + path_.skip));
}

std::uint64_t frame_order::lacking() const {
  // Of the places below one, those of the scan.
  const auto below = [&](std::int64_t end) -> std::uint64_t {
    if (end <= path_.skip) return 0;
    const auto places = static_cast<std::uint64_t>(end - path_.skip);
    const std::uint64_t line = line_frames() + path_.flyback;
    const std::uint64_t lines = std::min<std::uint64_t>(scan_.height, places / line);
    return lines * line_frames() + (lines == scan_.height ? 0 : std::min(line_frames(), places - lines * line));
  };
  return scan_.frames() - (below(static_cast<std::int64_t>(recorded_)) - below(0));
}

std::uint64_t frame_order::left_over() const {
  const std::int64_t end = static_cast<std::int64_t>(scan_.height * (line_frames() + path_.flyback)) + path_.skip;
  const auto recorded = static_cast<std::int64_t>(recorded_);
  return recorded > std::max<std::int64_t>(0, end) ? static_cast<std::uint64_t>(recorded - std::max<std::int64_t>(0, end)) : 0;
}

std::string words_of(const scan_shape& scan) {
  const std::string positions =
      std::to_string(scan.width) + " x " + std::to_string(scan.height) + " positions (width x height)";
  return scan.frames_per_position == 1 ? positions
                                       : positions + " with " + std::to_string(scan.frames_per_position) + " frames each";
}

std::vector<source_issue> misfits(const frame_order& order) {
  const std::uint64_t held = order.recorded_frames();
  const bool is_plain = order.path().is_plain();
  const auto sentence = [&](const std::string& what, const std::string& rest) {
    const std::string along = is_plain ? "" : " (" + words_of(order.path()) + ")";
    const std::string words = "holds " + counted(held, what) + ", the scan of " + words_of(order.scan()) + along + " takes " +
                              std::to_string(order.needed()) + "; " + rest;
    // What else would fit; with flyback that is beyond guessing.
    const std::uint64_t skipped = std::min(held, static_cast<std::uint64_t>(std::max<std::int64_t>(0, order.path().skip)));
    const std::string foldings = order.path().flyback == 0 ? words_of_foldings(held - skipped, order.scan()) : std::string();
    return foldings.empty() ? words : words + " (" + foldings + ")";
  };
  std::vector<source_issue> found;
  if (const std::uint64_t over = order.left_over(); over > 0) {
    found.push_back({"more_frames_than_scan",
                     sentence("frame", is_plain ? "the rest is left out" : std::to_string(over) + " behind it are left out"),
                     over});
  }
  if (const std::uint64_t lacking = order.lacking(); lacking > 0) {
    const std::string share = std::to_string(lacking) + " of its " + std::to_string(order.scan().frames());
    found.push_back({"missing_frame",
                     sentence("whole frame", is_plain ? "the last ones are missing" : share + " frames are missing"), lacking});
  }
  return found;
}

std::optional<raster_place> place_in_raster(const scan_shape& raster, const scan_shape& scan, const scan_path& path) {
  const std::int64_t repeats = raster.frames_per_position;
  if (repeats == 0 || raster.width == 0 || scan.frames_per_position != repeats) return std::nullopt;
  if (path.skip % repeats != 0 || path.flyback % repeats != 0) return std::nullopt;
  const std::int64_t first = path.skip / repeats;
  if (scan.height == 1 && raster.height == 1) return raster_place{0, first};  // the line may be longer than what was recorded
  const std::int64_t width = raster.width;
  const bool turns = path.snake && scan.height > 1;
  if (scan.height > 1 && scan.width + path.flyback / repeats != width) return std::nullopt;
  const std::int64_t column = (first % width + width) % width;
  if (column + scan.width > width || (turns && scan.width != width)) return std::nullopt;
  return raster_place{(first - column) / width, column};
}

std::string words_of_lost_step(const scan_shape& raster, const scan_shape& scan, const scan_path& path) {
  const std::string along = path.is_plain() ? "" : " (" + words_of(path) + ")";
  return "states the step of a scan of " + words_of(raster) + ", of which the scan of " + words_of(scan) + along +
         " is no part: step and origin are not taken over; give the step of the scan";
}

std::string words_of_foldings(std::uint64_t frames, const scan_shape& wanted) {
  if (frames < 4 || frames % wanted.frames_per_position != 0) return {};
  const std::uint64_t positions = frames / wanted.frames_per_position;
  const std::string what = std::to_string(frames) + " frames fill ";
  std::string words;
  const std::vector<folding> exact = exact_foldings(positions, wanted);
  constexpr std::size_t most = 3;
  for (std::size_t at = 0; at < std::min(most, exact.size()); ++at)
    words += (at == 0 ? "" : at + 1 == std::min(most, exact.size()) ? " or " : ", ") + name_of(exact[at]);
  const std::uint64_t line = positions / wanted.height;
  const bool has_flyback = positions % wanted.height == 0 && line > wanted.width && wanted.frames_per_position == 1;
  if (!exact.empty()) words = what + words + " positions (width x height)";
  if (exact.empty()) {
    const folding best = best_rectangle(positions);
    if (best.first == 1) return {};
    words = "no rectangle takes exactly " + std::to_string(frames) + " frames, " + name_of(best) +
            " positions (width x height) leave " +
            std::to_string((positions - best.first * best.second) * wanted.frames_per_position) + " out";
  }
  if (has_flyback) {
    words += ", or " + std::to_string(wanted.width) + " x " + std::to_string(wanted.height) + " with " +
             counted(line - wanted.width, "frame") + " of flyback behind each line";
  }
  return words;
}

}  // namespace countem
