#pragma once

/// What nvcc supplies to device code, for a host compiler: the built-in variables, barriers, warp collectives, atomics and
/// intrinsics that countem's kernels use, each with the programming guide's meaning. Included by kernels/cuda/device_port.cuh
/// after <cuda_runtime.h>, which supplies types and the host API's declarations.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "grid.hpp"

#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __forceinline__
#define __forceinline__ inline

#define threadIdx (device_model::current->thread_index)
#define blockIdx (device_model::current->block_index)
#define blockDim (device_model::current->block_extent)
#define gridDim (device_model::current->grid_extent)

namespace device_model {

template <class T>
std::uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  std::uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
T from_bits(std::uint64_t bits) {
  T value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
T shuffle(collective how, unsigned mask, T value, int argument, int width, const place& where) {
  return from_bits<T>(warp_collective(how, mask, to_bits(value), argument, width, where));
}

inline unsigned reduce(collective how, unsigned mask, unsigned value, const place& where) {
  return static_cast<unsigned>(warp_collective(how, mask, value, 0, 32, where));
}

/// Read, change, write as one relaxed atomic step. Returns what was there.
template <class T, class Change>
T read_modify_write(T* address, Change change) {
  preempt();
  T before = __atomic_load_n(address, __ATOMIC_RELAXED);
  T after = change(before);
  while (!__atomic_compare_exchange_n(address, &before, after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    after = change(before);
  return before;
}

}  // namespace device_model

// Barriers and warp collectives. The place of the call is part of it: lanes that meet at different places have diverged.
inline void __syncthreads(device_model::place where = device_model::place::current()) {
  device_model::block_collective(device_model::collective::sync_block, 0, where);
}
inline int __syncthreads_or(int predicate, device_model::place where = device_model::place::current()) {
  return device_model::block_collective(device_model::collective::sync_block_or, predicate, where);
}
inline int __syncthreads_and(int predicate, device_model::place where = device_model::place::current()) {
  return device_model::block_collective(device_model::collective::sync_block_and, predicate, where);
}
inline int __syncthreads_count(int predicate, device_model::place where = device_model::place::current()) {
  return device_model::block_collective(device_model::collective::sync_block_count, predicate, where);
}
inline void __syncwarp(unsigned mask = 0xffffffffU, device_model::place where = device_model::place::current()) {
  device_model::warp_collective(device_model::collective::sync_warp, mask, 0, 0, 32, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, device_model::place where = device_model::place::current()) {
  return device_model::reduce(device_model::collective::ballot, mask, predicate != 0, where);
}
inline int __all_sync(unsigned mask, int predicate, device_model::place where = device_model::place::current()) {
  return static_cast<int>(device_model::reduce(device_model::collective::all, mask, predicate != 0, where));
}
inline int __any_sync(unsigned mask, int predicate, device_model::place where = device_model::place::current()) {
  return static_cast<int>(device_model::reduce(device_model::collective::any, mask, predicate != 0, where));
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, device_model::place where = device_model::place::current()) {
  return device_model::shuffle(device_model::collective::shuffle, mask, value, lane, width, where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 device_model::place where = device_model::place::current()) {
  return device_model::shuffle(device_model::collective::shuffle_up, mask, value, static_cast<int>(delta), width, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   device_model::place where = device_model::place::current()) {
  return device_model::shuffle(device_model::collective::shuffle_down, mask, value, static_cast<int>(delta), width, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  device_model::place where = device_model::place::current()) {
  return device_model::shuffle(device_model::collective::shuffle_xor, mask, value, lane_mask, width, where);
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, device_model::place where = device_model::place::current()) {
  return static_cast<unsigned>(
      device_model::warp_collective(device_model::collective::match_any, mask, device_model::to_bits(value), 0, 32, where));
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value, device_model::place where = device_model::place::current()) {
  return device_model::reduce(device_model::collective::reduce_add, mask, value, where);
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned value, device_model::place where = device_model::place::current()) {
  return device_model::reduce(device_model::collective::reduce_min, mask, value, where);
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value, device_model::place where = device_model::place::current()) {
  return device_model::reduce(device_model::collective::reduce_max, mask, value, where);
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value, device_model::place where = device_model::place::current()) {
  return device_model::reduce(device_model::collective::reduce_and, mask, value, where);
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value, device_model::place where = device_model::place::current()) {
  return device_model::reduce(device_model::collective::reduce_or, mask, value, where);
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned value, device_model::place where = device_model::place::current()) {
  return device_model::reduce(device_model::collective::reduce_xor, mask, value, where);
}

// Atomics are relaxed and order nothing else.
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return device_model::read_modify_write(address, [=](T before) { return static_cast<T>(before + value); });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return device_model::read_modify_write(address, [=](T before) { return std::min(before, value); });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return device_model::read_modify_write(address, [=](T before) { return std::max(before, value); });
}
template <class T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return device_model::read_modify_write(address, [=](T before) { return static_cast<T>(before | value); });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return device_model::read_modify_write(address, [=](T) { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  return device_model::read_modify_write(address, [=](T before) { return before == compare ? value : before; });
}

// Integer and float intrinsics.
inline int __popc(unsigned bits) {
  return std::popcount(bits);
}
inline int __popcll(unsigned long long bits) {
  return std::popcount(bits);
}
inline int __ffs(int bits) {
  return __builtin_ffs(bits);
}
inline int __ffsll(long long bits) {
  return __builtin_ffsll(bits);
}
inline int __clz(int bits) {
  return std::countl_zero(static_cast<unsigned>(bits));
}
inline int __clzll(long long bits) {
  return std::countl_zero(static_cast<unsigned long long>(bits));
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>(((std::uint64_t{high} << 32) | low) >> (shift & 31));
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
using std::max;
using std::min;
template <class T>
T __ldg(const T* address) {
  return *address;
}
