#include <countem/reduction_sums.hpp>

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <countem/error.hpp>

#include "host/core/moments.hpp"

namespace countem {

namespace {

template <class Of, class Number>
using like = std::conditional_t<std::is_const_v<Of>, const Number, Number>;

/// All numbers of a result by how they are added, in the same order for every result.
template <class Result>
struct numbers {
  std::vector<std::span<like<Result, std::uint64_t>>> sums;
  std::vector<std::span<like<Result, std::uint32_t>>> short_sums;
  std::vector<std::span<like<Result, double>>> sums_of_weights;
  std::span<like<Result, std::uint32_t>> maxima;
};

/// Structures that hold nothing but numbers of one kind, as these.
template <class Number, class Structure>
auto flat(std::vector<Structure>& of) {
  static_assert(sizeof(Structure) % sizeof(Number) == 0 && std::is_standard_layout_v<Structure>);
  return std::span<Number>(reinterpret_cast<Number*>(of.data()), of.size() * (sizeof(Structure) / sizeof(Number)));
}
template <class Number, class Structure>
auto flat(const std::vector<Structure>& of) {
  static_assert(sizeof(Structure) % sizeof(Number) == 0 && std::is_standard_layout_v<Structure>);
  return std::span<const Number>(reinterpret_cast<const Number*>(of.data()), of.size() * (sizeof(Structure) / sizeof(Number)));
}

static_assert(sizeof(event_moments) == 3 * sizeof(std::uint64_t));
static_assert(sizeof(event_second_moments) == 6 * sizeof(std::uint64_t));
static_assert(sizeof(weighted_moments) == 6 * sizeof(double));
static_assert(sizeof(sector_losses) == sectors_per_frame * sizeof(std::uint32_t));

/// But `lost`, which is empty until something is.
template <class Result>
numbers<Result> numbers_of(Result& result) {
  numbers<Result> all;
  all.sums = {result.sum, result.counts, flat<std::uint64_t>(result.moments), flat<std::uint64_t>(result.second_moments),
              result.radial};
  for (auto& image : result.virtual_images) all.sums.emplace_back(image);
  for (auto* one : {&result.frames, &result.incomplete_frames, &result.missing_frames, &result.events, &result.complete_events})
    all.sums.emplace_back(one, 1U);
  all.short_sums = {flat<std::uint32_t>(result.lost)};
  all.sums_of_weights = {flat<double>(result.weighted), flat<double>(result.weighted_squares)};
  for (auto& image : result.weighted_images) all.sums_of_weights.emplace_back(image);
  for (auto& image : result.squared_images) all.sums_of_weights.emplace_back(image);
  all.maxima = result.maximum;
  return all;
}

[[noreturn]] void throw_different() {
  throw invalid_argument("results of different reductions cannot be added");
}

template <class Spans, class Others>
void add_all(Spans& sums, const Others& more) {
  if (sums.size() != more.size()) throw_different();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (sums[i].size() != more[i].size()) throw_different();
    for (std::size_t n = 0; n < sums[i].size(); ++n) sums[i][n] += more[i][n];
  }
}

/// Sums of few enough events cannot have left 64 bits.
void require_sums_that_fit(const reduction_result& sums, frame_shape grid) {
  const std::uint64_t most = most_second_order_events(grid);
  const auto is_beyond = [&](const event_second_moments& one) { return one.first.events > most; };
  if (std::ranges::any_of(sums.second_moments, is_beyond)) refuse_second_moments(grid);
}

}  // namespace

void add(reduction_result& sums, const reduction_result& more, frame_shape grid) {
  if (sums.lost.empty() && !more.lost.empty()) sums.lost.resize(more.lost.size());
  if (sums.rings != more.rings || sums.maximum.size() != more.maximum.size()) throw_different();
  numbers<reduction_result> into = numbers_of(sums);
  const numbers<const reduction_result> from = numbers_of(more);
  add_all(into.sums, from.sums);
  if (!more.lost.empty()) add_all(into.short_sums, from.short_sums);
  add_all(into.sums_of_weights, from.sums_of_weights);
  for (std::size_t p = 0; p < into.maxima.size(); ++p) into.maxima[p] = std::max(into.maxima[p], from.maxima[p]);
  require_sums_that_fit(sums, grid);
}

void add_over_ranks(reduction_result& mine, communicator& ranks, frame_shape grid) {
  const std::vector<std::string> losses = ranks.all_gather(mine.lost.empty() ? "" : "some", {});
  if (std::ranges::any_of(losses, [](const std::string& some) { return !some.empty(); })) mine.lost.resize(mine.counts.size());
  const numbers<reduction_result> all = numbers_of(mine);
  for (const auto& values : all.sums) ranks.sum(values);
  for (const auto& values : all.short_sums) ranks.sum(values);
  for (const auto& values : all.sums_of_weights) ranks.sum(values);
  ranks.maximum(all.maxima);
  if (ranks.self().rank == 0) require_sums_that_fit(mine, grid);
}

}  // namespace countem
