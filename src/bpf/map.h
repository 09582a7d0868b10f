// SPDX-License-Identifier: Apache-2.0
/// Owner of an eBPF map.
/// Invariants: `info()` describes the kernel's map; keys and values that are passed have its sizes.
/// Threading: operations are system calls on a constant descriptor; safe from every thread.
/// Units: sizes in bytes. The value of a per-CPU map is one value per possible CPU, each rounded up to 8 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"

namespace polycube::bpf {

using Bytes = std::vector<std::byte>;

struct MapInfo {
  std::string name;
  std::uint32_t type = 0;  ///< enum bpf_map_type
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;  ///< of one CPU
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
  std::uint32_t btf_key_type = 0;  ///< type id in the object's BTF, 0 = none
  std::uint32_t btf_value_type = 0;
};

/// Possible CPUs, as per-CPU maps count them.
[[nodiscard]] unsigned possible_cpus();

class Map {
 public:
  Map() = default;
  Map(Fd fd, MapInfo info) : fd_(std::move(fd)), info_(std::move(info)) {}

  /// Creates a map outside of any object.
  [[nodiscard]] static Result<Map> create(const MapInfo& info);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const MapInfo& info() const { return info_; }
  /// For messages: the kernel knows 15 characters of its name.
  void rename(std::string name) { info_.name = std::move(name); }
  [[nodiscard]] bool per_cpu() const;
  /// Whether it has keys and values that can be read one by one and stay: hashes, arrays and prefix trees.
  [[nodiscard]] bool has_elements() const;
  [[nodiscard]] bool is_array() const;  ///< every element always exists and cannot be deleted
  /// Size of what lookup() returns: value_size, or all CPUs' values.
  [[nodiscard]] std::size_t lookup_size() const;

  /// The element's value, or data_missing.
  [[nodiscard]] Result<Bytes> lookup(std::span<const std::byte> key) const;
  /// Errors: limit_exceeded when the map is full.
  [[nodiscard]] Result<> update(std::span<const std::byte> key, std::span<const std::byte> value,
                                std::uint64_t flags = 0) const;
  /// Removing what is absent is no error; on arrays the element becomes zero.
  [[nodiscard]] Result<> remove(std::span<const std::byte> key) const;

  /// For queues and stacks: the next value, which is taken out when `take`, or data_missing.
  [[nodiscard]] Result<Bytes> next(bool take) const;
  /// For queues, stacks (limit_exceeded when full) and bloom filters.
  [[nodiscard]] Result<> push(std::span<const std::byte> value) const { return update({}, value); }
  /// For bloom filters.
  [[nodiscard]] Result<bool> contains(std::span<const std::byte> value) const;

  /// Many elements in one system call where the map type has batches, else one by one.
  /// `keys` and `values` hold `count` elements back to back.
  [[nodiscard]] Result<> update_batch(std::span<const std::byte> keys, std::span<const std::byte> values,
                                      std::uint32_t count) const;
  [[nodiscard]] Result<> remove_batch(std::span<const std::byte> keys, std::uint32_t count) const;
  /// Calls `visit(key, value)` for every element; the value holds all CPUs'. Elements that come or go meanwhile may or
  /// may not be seen.
  [[nodiscard]] Result<> for_each(
      const std::function<void(std::span<const std::byte>, std::span<const std::byte>)>& visit) const;

  /// For maps with u32 keys: arrays, program arrays, device maps.
  template <typename Value>
  [[nodiscard]] Result<> set(std::uint32_t index, const Value& value) const {
    return update(std::as_bytes(std::span(&index, 1)), std::as_bytes(std::span(&value, 1)));
  }
  /// For maps of maps: puts `inner` there. Programs find it when this returns; the kernel keeps what was there before for
  /// those that have it already.
  [[nodiscard]] Result<> set_inner(std::uint32_t index, const Map& inner) const;
  [[nodiscard]] Result<> erase(std::uint32_t index) const { return remove(std::as_bytes(std::span(&index, 1))); }

 private:
  Fd fd_;
  MapInfo info_;
};

/// The memory of an array that was created with BPF_F_MMAPABLE (globals of an object), for as long as this lives.
class MappedMemory {
 public:
  MappedMemory() = default;
  MappedMemory(MappedMemory&& other) noexcept : address_(std::exchange(other.address_, nullptr)), size_(other.size_) {}
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedMemory();

  [[nodiscard]] static Result<MappedMemory> of(const Map& map);
  [[nodiscard]] void* address() const { return address_; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

/// Returns when every program that could still be running with what maps held before has ended (an RCU grace period).
[[nodiscard]] Result<> wait_for_running_programs();

}  // namespace polycube::bpf
