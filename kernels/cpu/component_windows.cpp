#include "kernels/cpu/component_windows.hpp"

#include <bit>
#include <cstring>

#include "kernels/cpu/widest_vector.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/component_windows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef COUNTEM_CPU_WINDOW_SPANS
#define COUNTEM_CPU_WINDOW_SPANS
namespace countem::cpu {

/// What the vector code reads and writes; sizes are those of component_windows.
struct window_spans {
  window_strip strip;
  std::uint8_t* columns;
  std::size_t column_rows;
  const component_root* first_pixels;
  std::uint64_t* root_words;
  std::uint64_t* any_roots;
  std::uint32_t* positions;
  component_root* roots;
  std::uint64_t* hits;
  fetch_ahead* ahead;
};

static_assert(std::endian::native == std::endian::little, "bytes of bit rows are read as columns in ascending order");

}  // namespace countem::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace countem::cpu::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using word_tag = hn::ScalableTag<std::uint64_t>;

// Spans are taken by value: writing through one of their pointers cannot then change them, as far as the compiler must assume.

/// Turns bit rows into columns of bytes, so that 8 rows of 8 columns are one unaligned 64-bit load.
void rows_to_columns(const window_spans spans) {
  fetch_ahead ahead = *spans.ahead;
  const std::size_t row_bytes = spans.strip.stride * 8;
  const std::size_t rows = spans.strip.root_rows + window::size - 1;
  const std::size_t column_rows = spans.column_rows;
  // Byte column 0 lies left of the frame and stays 0.
  std::uint8_t* columns = spans.columns + column_rows;
  for (std::size_t row = 0; row < rows; row += 8) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(spans.strip.above) + row * row_bytes;
    std::uint8_t* out = columns + row;
#if HWY_TARGET == HWY_SCALAR
    for (std::size_t c = 0; c < row_bytes; ++c) {
      for (std::size_t r = 0; r < 8; ++r) out[c * column_rows + r] = bytes[r * row_bytes + c];
    }
#else
    const hn::FixedTag<std::uint8_t, 16> bytes_tag;
    const hn::Repartition<std::uint16_t, decltype(bytes_tag)> pairs_tag;
    const hn::Repartition<std::uint32_t, decltype(bytes_tag)> fours_tag;
    const hn::Repartition<std::uint64_t, decltype(bytes_tag)> eights_tag;
    const hn::Half<decltype(eights_tag)> column_tag;
    for (std::size_t c = 0; c < row_bytes; c += 16) {
      ahead.fetch(2);
      const auto load = [&](std::size_t r) { return hn::LoadU(bytes_tag, bytes + r * row_bytes + c); };
      // Interleave rows 0 and 1 to pairs, pairs to fours, fours to the eight rows of a byte column.
      const auto pair = [&](std::size_t r, bool upper) {
        return hn::BitCast(pairs_tag, upper ? hn::InterleaveUpper(bytes_tag, load(r), load(r + 1))
                                            : hn::InterleaveLower(bytes_tag, load(r), load(r + 1)));
      };
      const auto store = [&](std::size_t column, auto fours_a, auto fours_b) {
        const auto put = [&](std::size_t at, auto eights) {
          const auto two_columns = hn::BitCast(eights_tag, eights);
          const auto address = [&](std::size_t k) {
            return reinterpret_cast<std::uint64_t*>(out + (c + at + k) * spans.column_rows);
          };
          hn::StoreU(hn::LowerHalf(column_tag, two_columns), column_tag, address(0));
          hn::StoreU(hn::UpperHalf(column_tag, two_columns), column_tag, address(1));
        };
        put(column, hn::InterleaveLower(fours_tag, fours_a, fours_b));
        put(column + 2, hn::InterleaveUpper(fours_tag, fours_a, fours_b));
      };
      for (const bool upper : {false, true}) {
        const auto pairs01 = pair(0, upper);
        const auto pairs23 = pair(2, upper);
        const auto pairs45 = pair(4, upper);
        const auto pairs67 = pair(6, upper);
        const std::size_t column = upper ? 8 : 0;
        store(column, hn::BitCast(fours_tag, hn::InterleaveLower(pairs_tag, pairs01, pairs23)),
              hn::BitCast(fours_tag, hn::InterleaveLower(pairs_tag, pairs45, pairs67)));
        store(column + 4, hn::BitCast(fours_tag, hn::InterleaveUpper(pairs_tag, pairs01, pairs23)),
              hn::BitCast(fours_tag, hn::InterleaveUpper(pairs_tag, pairs45, pairs67)));
      }
    }
#endif
  }
  *spans.ahead = ahead;
}

/// Finds the roots of each word of the strip's root rows, and sets a bit for each word that holds one.
void find_roots(const window_spans spans) {
  fetch_ahead ahead = *spans.ahead;
  const word_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const std::size_t words = spans.strip.root_rows * spans.strip.stride;
  const std::uint64_t* here = spans.strip.above + spans.strip.stride;
  const std::uint64_t* north = spans.strip.above;
  auto* any_bytes = reinterpret_cast<std::uint8_t*>(spans.any_roots);
  // Each row ends in a zero word, so that a neighbour word across the row's end brings no hit; rows need no loop of their own.
  for (std::size_t i = 0; i < words; i += lanes) {
    ahead.fetch(1);
    const auto load = [&](const std::uint64_t* from) { return hn::LoadU(tag, from + i); };
    const auto hits = load(here);
    const auto above = load(north);
    const auto west = hn::Or(hn::ShiftLeft<1>(hits), hn::ShiftRight<63>(load(here - 1)));
    const auto north_west = hn::Or(hn::ShiftLeft<1>(above), hn::ShiftRight<63>(load(north - 1)));
    const auto north_east = hn::Or(hn::ShiftRight<1>(above), hn::ShiftLeft<63>(load(north + 1)));
    const auto roots = hn::AndNot(hn::Or(hn::Or(west, above), hn::Or(north_west, north_east)), hits);
    hn::StoreU(roots, tag, spans.root_words + i);
    if (lanes >= 8) hn::StoreMaskBits(tag, hn::Ne(roots, hn::Zero(tag)), any_bytes + i / 8);
  }
  *spans.ahead = ahead;
  if (lanes >= 8) {
    // The last vector may have seen rows that are the next strip's.
    if (words % 64 != 0) spans.any_roots[words / 64] &= (std::uint64_t{1} << (words % 64)) - 1;
    return;
  }
  for (std::size_t group = 0; group * 64 < words; ++group) {
    std::uint64_t any = 0;
    for (std::size_t i = group * 64; i < words && i < group * 64 + 64; ++i)
      any |= std::uint64_t{spans.root_words[i] != 0} << (i % 64);
    spans.any_roots[group] = any;
  }
}

HWY_INLINE std::uint64_t load_eight_rows(const std::uint8_t* column) {
  std::uint64_t rows = 0;
  std::memcpy(&rows, column, sizeof rows);
  return rows;
}

#if HWY_TARGET <= HWY_AVX3  // AVX-512 compresses and gathers

/// Lists the roots as 64 times their word plus their bit; returns how many. Each word with roots takes as long, without a loop
/// over its roots whose end would be guessed wrong.
HWY_NOINLINE std::size_t list_roots(const window_spans spans) {
  const hn::ScalableTag<std::uint32_t> tag;
  static_assert(hn::MaxLanes(tag) == 16);
  const auto bits = hn::Iota(tag, 0U);
  const std::size_t groups = (spans.strip.root_rows * spans.strip.stride + 63) / 64;
  std::uint32_t* end = spans.positions;
  for (std::size_t group = 0; group < groups; ++group) {
    for (std::uint64_t any = spans.any_roots[group]; any != 0; any &= any - 1) {
      const std::size_t word = group * 64 + static_cast<std::size_t>(std::countr_zero(any));
      std::uint64_t roots = spans.root_words[word];
      auto position = hn::Add(bits, hn::Set(tag, static_cast<std::uint32_t>(word * 64)));
      for (int quarter = 0; quarter < 4; ++quarter, roots >>= 16U) {
        const auto here = static_cast<std::uint16_t>(roots);
        hn::StoreU(hn::CompressBits(position, reinterpret_cast<const std::uint8_t*>(&here)), tag, end);
        end += std::popcount(here);
        position = hn::Add(position, hn::Set(tag, 16U));
      }
    }
  }
  return static_cast<std::size_t>(end - spans.positions);
}

using offset_tag = hn::RebindToSigned<word_tag>;

/// Of numbers below 2^32.
HWY_INLINE hn::VFromD<word_tag> even_product(hn::VFromD<word_tag> a, hn::VFromD<word_tag> b) {
  const hn::Repartition<std::uint32_t, word_tag> halves;
  return hn::MulEven(hn::BitCast(halves, a), hn::BitCast(halves, b));
}

/// Of a strip: to turn its rows into columns would take longer than to gather from eight rows instead of from two columns.
constexpr std::size_t few_roots = 200;

HWY_INLINE hn::VFromD<word_tag> windows_of_rows(const window_spans& spans, hn::VFromD<word_tag> row,
                                                hn::VFromD<word_tag> start) {
  const word_tag tag;
  const auto row_bytes = hn::Set(tag, spans.strip.stride * 8);
  // Column 0 of the frame is bit 8 of its row here. Before a row lies the zero word that ends another.
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(spans.strip.above) - 1;
  const auto shift = hn::And(start, hn::Set(tag, 7U));
  auto offset = hn::Add(hn::ShiftRight<3>(start), even_product(row, row_bytes));
  auto windows = hn::Zero(tag);
  for (std::uint32_t r = 0; r < window::size; ++r) {
    const auto bits =
        hn::Shr(hn::GatherOffset(tag, reinterpret_cast<const std::uint64_t*>(bytes), hn::BitCast(offset_tag(), offset)), shift);
    windows = hn::Or(hn::Shl(hn::And(bits, hn::Set(tag, 0xffU)), hn::Set(tag, 8U * r)), windows);
    offset = hn::Add(offset, row_bytes);
  }
  return windows;
}

HWY_INLINE hn::VFromD<word_tag> windows_of_columns(const window_spans& spans, hn::VFromD<word_tag> row,
                                                   hn::VFromD<word_tag> start) {
  const word_tag tag;
  alignas(64) constexpr std::uint64_t from_left_by_shift[8] = {
      0xffff'ffff'ffff'ffff, 0x7f7f'7f7f'7f7f'7f7f, 0x3f3f'3f3f'3f3f'3f3f, 0x1f1f'1f1f'1f1f'1f1f,
      0x0f0f'0f0f'0f0f'0f0f, 0x0707'0707'0707'0707, 0x0303'0303'0303'0303, 0x0101'0101'0101'0101};
  const auto shift = hn::And(start, hn::Set(tag, 7U));
  const auto offset =
      hn::BitCast(offset_tag(), hn::Add(even_product(hn::ShiftRight<3>(start), hn::Set(tag, spans.column_rows)), row));
  const auto load = [&](const std::uint8_t* columns) {
    return hn::GatherOffset(tag, reinterpret_cast<const std::uint64_t*>(columns), offset);
  };
  const auto from_left = hn::TableLookupLanes(hn::Load(tag, from_left_by_shift), hn::IndicesFromVec(tag, shift));
  const auto left = hn::Shr(load(spans.columns), shift);
  const auto right = hn::Shl(load(spans.columns + spans.column_rows), hn::Sub(hn::Set(tag, 8U), shift));
  return hn::Or(hn::And(from_left, left), hn::AndNot(from_left, right));
}

/// Loads the windows of the roots that were listed, eight at once.
template <auto windows_of>
HWY_NOINLINE void load_windows(const window_spans spans, std::size_t count) {
  static_assert(sizeof(component_root) == sizeof(std::uint64_t));
  fetch_ahead ahead = *spans.ahead;
  const word_tag tag;
  const hn::Rebind<std::uint32_t, word_tag> position_tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto* const first_pixels = reinterpret_cast<const std::uint64_t*>(spans.first_pixels);
  for (std::size_t i = 0; i < count; i += lanes) {
    ahead.fetch(2 * lanes);
    const auto position = hn::PromoteTo(tag, hn::LoadU(position_tag, spans.positions + i));
    const auto first = hn::GatherIndex(tag, first_pixels, hn::BitCast(offset_tag(), hn::ShiftRight<6>(position)));
    const auto root = hn::Add(first, hn::ShiftLeft<32>(hn::And(position, hn::Set(tag, 63U))));
    hn::StoreU(root, tag, reinterpret_cast<std::uint64_t*>(spans.roots) + i);
    const auto row = hn::And(root, hn::Set(tag, 0xffff'ffffU));
    // The window's first column, counted from the byte column left of the frame.
    const auto start = hn::Add(hn::ShiftRight<32>(root), hn::Set(tag, 8U - window::columns_left));
    hn::StoreU(windows_of(spans, row, start), tag, spans.hits + i);
  }
  *spans.ahead = ahead;
}

std::size_t load_windows(const window_spans& spans) {
  const std::size_t count = list_roots(spans);
  if (count < few_roots) {
    load_windows<windows_of_rows>(spans, count);
  } else {
    rows_to_columns(spans);
    load_windows<windows_of_columns>(spans, count);
  }
  return count;
}

#else

/// Lists the roots and loads their windows; returns how many. A function of its own, so that few pointers want registers.
HWY_NOINLINE std::size_t load_windows(const window_spans spans) {
  rows_to_columns(spans);
  fetch_ahead ahead = *spans.ahead;
  const std::size_t groups = (spans.strip.root_rows * spans.strip.stride + 63) / 64;
  const std::size_t column_rows = spans.column_rows;
  const std::uint8_t* const columns = spans.columns;
  component_root* roots_end = spans.roots;
  std::uint64_t* hits_end = spans.hits;
  for (std::size_t group = 0; group < groups; ++group) {
    const component_root* const first_pixels = spans.first_pixels + group * 64;
    const std::uint64_t* const root_words = spans.root_words + group * 64;
    for (std::uint64_t any = spans.any_roots[group]; any != 0; any &= any - 1) {
      const auto word = static_cast<std::size_t>(std::countr_zero(any));
      const component_root first = first_pixels[word];
      // The window's first column, counted from the byte column left of the frame.
      const std::uint32_t first_start = first.column + 8 - window::columns_left;
      for (std::uint64_t roots = root_words[word]; roots != 0; roots &= roots - 1) {
        ahead.fetch(2);
        const auto bit = static_cast<std::uint32_t>(std::countr_zero(roots));
        *roots_end++ = {first.row, first.column + bit};
        const std::uint32_t start = first_start + bit;
        const std::uint8_t* bytes = columns + (start / 8) * column_rows + first.row;
        const std::uint32_t shift = start % 8;
        const std::uint64_t from_left = std::uint64_t{0x0101'0101'0101'0101} * (0xffU >> shift);
        *hits_end++ = ((load_eight_rows(bytes) >> shift) & from_left) |
                      ((load_eight_rows(bytes + column_rows) << (8 - shift)) & ~from_left);
      }
    }
  }
  *spans.ahead = ahead;
  return static_cast<std::size_t>(hits_end - spans.hits);
}

#endif

/// Keeps of each window what is connected to its root inside it.
void flood_windows(std::uint64_t* windows, std::size_t count) {
  const word_tag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto root = hn::Set(tag, std::uint64_t{1} << window::root_bit);
  const auto not_first_column = hn::Set(tag, 0xfefe'fefe'fefe'fefeU);
  const auto not_last_column = hn::Set(tag, 0x7f7f'7f7f'7f7f'7f7fU);
  for (std::size_t i = 0; i < count; i += lanes) {
    const auto hits = hn::LoadU(tag, windows + i);
    auto connected = root;
    for (;;) {
      const auto wide = hn::Or(connected, hn::Or(hn::And(hn::ShiftLeft<1>(connected), not_first_column),
                                                 hn::And(hn::ShiftRight<1>(connected), not_last_column)));
      const auto grown = hn::And(hits, hn::Or(wide, hn::Or(hn::ShiftLeft<8>(wide), hn::ShiftRight<8>(wide))));
      const bool settled = hn::AllTrue(tag, hn::Eq(grown, connected));
      connected = grown;
      if (settled) break;
    }
    hn::StoreU(connected, tag, windows + i);
  }
}

std::size_t find_windows(const window_spans& spans) {
  find_roots(spans);
  const std::size_t count = load_windows(spans);
  flood_windows(spans.hits, count);
  return count;
}

}  // namespace
}  // namespace countem::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace countem::cpu {

namespace {

std::size_t most_roots(std::uint32_t root_rows, std::size_t stride) {
  // No two roots touch: at most one in each 2 x 2 pixels.
  return (root_rows + 1) / 2 * (stride * 64 / 2);
}

}  // namespace

HWY_EXPORT(find_windows);

component_windows::component_windows(std::uint32_t root_rows, std::size_t stride)
    : positions_(most_roots(root_rows, stride) + widest_vector<std::uint32_t>),
      roots_(most_roots(root_rows, stride) + widest_vector<std::uint64_t>),
      hits_(most_roots(root_rows, stride) + widest_vector<std::uint64_t>),
      root_words_(root_rows * stride + widest_vector<std::uint64_t>),
      any_roots_((root_rows * stride + widest_vector<std::uint64_t>) / 64 + 1),
      first_pixels_(root_rows * stride),
      column_rows_((root_rows + window::size - 1 + 7) / 8 * 8) {
  columns_.resize((stride * 8 + 1) * column_rows_);
  for (std::size_t i = 0; i < root_rows * stride; ++i) {
    first_pixels_[i] = {static_cast<std::uint32_t>(i / stride), static_cast<std::uint32_t>(i % stride * 64)};
  }
}

void component_windows::find(const window_strip& strip, fetch_ahead& ahead) {
  const window_spans spans{strip,
                           columns_.data(),
                           column_rows_,
                           first_pixels_.data(),
                           root_words_.data(),
                           any_roots_.data(),
                           positions_.data(),
                           roots_.data(),
                           hits_.data(),
                           &ahead};
  count_ = HWY_DYNAMIC_DISPATCH(find_windows)(spans);
}

}  // namespace countem::cpu
#endif
