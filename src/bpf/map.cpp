// SPDX-License-Identifier: Apache-2.0
#include "bpf/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace polycube::bpf {

namespace {

constexpr std::uint32_t batch_elements = 4096;

std::size_t round_up_8(std::size_t size) { return (size + 7) / 8 * 8; }

tl::unexpected<Error> map_error(int error, const MapInfo& info, const char* what) {
  if (error == E2BIG || error == ENOSPC)
    return fail(ErrorCode::limit_exceeded, "table {} is full ({} entries)", info.name, info.max_entries);
  return fail_errno(error, fmt::format("cannot {} table {}", what, info.name));
}

bool has_no_batches(int error) { return error == ENOTSUP || error == EOPNOTSUPP || error == 524 /* ENOTSUPP */; }

}  // namespace

unsigned possible_cpus() {
  static const int count = libbpf_num_possible_cpus();
  return count > 0 ? static_cast<unsigned>(count) : 1;
}

Result<Map> Map::create(const MapInfo& info) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = info.flags);
  int fd = bpf_map_create(static_cast<bpf_map_type>(info.type), info.name.c_str(), info.key_size, info.value_size,
                          info.max_entries, &options);
  if (fd < 0) return map_error(-fd, info, "create");
  return Map(Fd(fd), info);
}

bool Map::per_cpu() const {
  switch (info_.type) {
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH: return true;
    default: return false;
  }
}

bool Map::has_elements() const {
  switch (info_.type) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_LPM_TRIE: return true;
    default: return false;
  }
}

bool Map::is_array() const { return info_.type == BPF_MAP_TYPE_ARRAY || info_.type == BPF_MAP_TYPE_PERCPU_ARRAY; }

std::size_t Map::lookup_size() const {
  return per_cpu() ? round_up_8(info_.value_size) * possible_cpus() : info_.value_size;
}

Result<Bytes> Map::lookup(std::span<const std::byte> key) const {
  Bytes value(lookup_size());
  if (bpf_map_lookup_elem(fd(), key.data(), value.data()) < 0) {
    if (errno == ENOENT) return fail(ErrorCode::data_missing, "table {} has no such entry", info_.name);
    return map_error(errno, info_, "read");
  }
  return value;
}

Result<> Map::update(std::span<const std::byte> key, std::span<const std::byte> value, std::uint64_t flags) const {
  if (bpf_map_update_elem(fd(), key.data(), value.data(), flags) < 0) return map_error(errno, info_, "write");
  return {};
}

Result<> Map::remove(std::span<const std::byte> key) const {
  if (is_array()) return update(key, Bytes(lookup_size()));
  if (bpf_map_delete_elem(fd(), key.data()) < 0 && errno != ENOENT) return map_error(errno, info_, "delete from");
  return {};
}

Result<Bytes> Map::next(bool take) const {
  Bytes value(info_.value_size);
  const int done = take ? bpf_map_lookup_and_delete_elem(fd(), nullptr, value.data())
                        : bpf_map_lookup_elem(fd(), nullptr, value.data());
  if (done == 0) return value;
  if (errno == ENOENT) return fail(ErrorCode::data_missing, "table {} is empty", info_.name);
  return map_error(errno, info_, "read");
}

Result<bool> Map::contains(std::span<const std::byte> value) const {
  Bytes wanted(value.begin(), value.end());  // the kernel only reads it
  if (bpf_map_lookup_elem(fd(), nullptr, wanted.data()) == 0) return true;
  if (errno == ENOENT) return false;
  return map_error(errno, info_, "read");
}

Result<> Map::update_batch(std::span<const std::byte> keys, std::span<const std::byte> values,
                           std::uint32_t count) const {
  const std::size_t value_size = lookup_size();
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  std::uint32_t done = count;
  if (bpf_map_update_batch(fd(), keys.data(), values.data(), &done, &options) == 0) return {};
  if (!has_no_batches(errno)) return map_error(errno, info_, "write");
  for (std::uint32_t i = 0; i < count; i++)
    PCN_TRY(update(keys.subspan(i * info_.key_size, info_.key_size), values.subspan(i * value_size, value_size)));
  return {};
}

Result<> Map::remove_batch(std::span<const std::byte> keys, std::uint32_t count) const {
  // A batch ends at the first key that is absent, which is no error here.
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  std::uint32_t removed = 0;
  while (!is_array() && removed < count) {
    std::uint32_t done = count - removed;
    const auto rest = keys.subspan(removed * info_.key_size);
    if (bpf_map_delete_batch(fd(), rest.data(), &done, &options) == 0) return {};
    if (errno != ENOENT || done >= count - removed) break;
    removed += done + 1;
  }
  for (; removed < count; removed++) PCN_TRY(remove(keys.subspan(removed * info_.key_size, info_.key_size)));
  return {};
}

Result<> Map::for_each(const std::function<void(std::span<const std::byte>, std::span<const std::byte>)>& visit) const {
  const std::size_t key_size = info_.key_size;
  const std::size_t value_size = lookup_size();
  const std::uint32_t chunk = std::min(std::max(info_.max_entries, 1U), batch_elements);
  Bytes keys(chunk * key_size);
  Bytes values(chunk * value_size);
  // The cursor of a hash is a bucket number, that of an array a key; both fit.
  Bytes cursor(std::max<std::size_t>(key_size, sizeof(std::uint32_t)));
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  bool first = true;
  while (true) {
    std::uint32_t count = static_cast<std::uint32_t>(keys.size() / key_size);
    const int error = bpf_map_lookup_batch(fd(), first ? nullptr : cursor.data(), cursor.data(), keys.data(),
                                           values.data(), &count, &options) < 0
                          ? errno
                          : 0;
    if (error == ENOSPC) {  // one bucket holds more than the buffers
      keys.resize(keys.size() * 2);
      values.resize(values.size() * 2);
      continue;
    }
    if (error != 0 && error != ENOENT) {
      if (!first) return map_error(error, info_, "read");
      break;
    }
    for (std::uint32_t i = 0; i < count; i++)
      visit(std::span(keys).subspan(i * key_size, key_size), std::span(values).subspan(i * value_size, value_size));
    if (error == ENOENT) return {};
    first = false;
  }
  // This map type has no batches.
  Bytes key(key_size);
  Bytes next(key_size);
  for (const void* previous = nullptr; bpf_map_get_next_key(fd(), previous, next.data()) == 0; previous = key.data()) {
    key = next;
    if (auto value = lookup(key)) visit(key, *value);
  }
  return {};
}

Result<> Map::set_inner(std::uint32_t index, const Map& inner) const {
  bpf_map_info known{};
  __u32 size = sizeof(known);
  if (bpf_obj_get_info_by_fd(inner.fd(), &known, &size) < 0) return map_error(errno, inner.info(), "identify");
  PCN_ASSIGN(Fd outer, Fd::duplicate(fd()));
  PCN_ASSIGN(Fd element, Fd::duplicate(inner.fd()));
  // The kernel changes the element at once, but answers when no program uses the old map any more: 10 ms later.
  const auto write =
      std::make_shared<std::packaged_task<int()>>([outer = std::move(outer), element = std::move(element), index] {
        const int value = element.get();
        return bpf_map_update_elem(outer.get(), &index, &value, 0) < 0 ? errno : 0;
      });
  std::future<int> answer = write->get_future();
  try {
    std::thread([write] { (*write)(); }).detach();
  } catch (const std::system_error&) {  // there is no thread to be had
    (*write)();
  }
  while (answer.wait_for(std::chrono::microseconds(20)) != std::future_status::ready) {
    __u32 now = 0;  // read as an id
    if (bpf_map_lookup_elem(fd(), &index, &now) == 0 && now == known.id) return {};
  }
  const int error = answer.get();
  if (error != 0) return map_error(error, info_, "write");
  return {};
}

MappedMemory::~MappedMemory() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

Result<MappedMemory> MappedMemory::of(const Map& map) {
  MappedMemory memory;
  memory.size_ = map.info().value_size * static_cast<std::size_t>(map.info().max_entries);
  void* address = ::mmap(nullptr, memory.size_, PROT_READ | PROT_WRITE, MAP_SHARED, map.fd(), 0);
  if (address == MAP_FAILED) return map_error(errno, map.info(), "map the memory of");
  memory.address_ = address;
  return memory;
}

namespace {

struct GracePeriod {
  Map outer;
  Map inner;

  static Result<GracePeriod> create() {
    MapInfo inner_info{
        .name = "pcn_inner", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    PCN_ASSIGN(Map inner, Map::create(inner_info));
    LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<__u32>(inner.fd()));
    int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "pcn_grace", 4, 4, 1, &options);
    if (fd < 0) return fail_errno(-fd, "cannot create the map that grace periods are waited for with");
    MapInfo outer_info{
        .name = "pcn_grace", .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4, .max_entries = 1};
    return GracePeriod{Map(Fd(fd), outer_info), std::move(inner)};
  }
};

}  // namespace

Result<> wait_for_running_programs() {
  // The kernel promises that a write to a map of maps returns only when no program uses the old inner map any more.
  static std::mutex mutex;
  static std::optional<GracePeriod> maps;  // once made it stays
  {
    const std::lock_guard lock(mutex);
    if (!maps) {
      PCN_ASSIGN(maps, GracePeriod::create());
    }
  }
  return maps->outer.set(0, maps->inner.fd());
}

}  // namespace polycube::bpf
