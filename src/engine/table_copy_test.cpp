// SPDX-License-Identifier: Apache-2.0
#include "engine/table_copy.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstring>
#include <map>

namespace polycube::engine {
namespace {

constexpr std::uint32_t count = 6000;  // more than are copied at once

Table make(const bpf::MapInfo& info) {
  auto map = bpf::Map::create(info);
  EXPECT_TRUE(map) << (map ? "" : map.error().message);
  return {std::move(*map), TableShape{info, {}, {}}};
}

bpf::MapInfo shape(bpf_map_type type) {
  bpf::MapInfo info{.name = "table", .type = type, .key_size = 8, .value_size = 12, .max_entries = count};
  if (type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY) info.key_size = 4;
  if (type == BPF_MAP_TYPE_LPM_TRIE) info.flags = BPF_F_NO_PREALLOC;
  if (type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH) info.max_entries = 4 * count;
  return info;
}

std::map<bpf::Bytes, bpf::Bytes> elements(const Table& table) {
  std::map<bpf::Bytes, bpf::Bytes> all;
  EXPECT_TRUE(table.map().for_each([&](auto key, auto value) {
    all.emplace(bpf::Bytes(key.begin(), key.end()), bpf::Bytes(value.begin(), value.end()));
  }));
  return all;
}

class CopyTableTest : public testing::TestWithParam<bpf_map_type> {};

TEST_P(CopyTableTest, HoldsTheSameAfterwards) {
  const bpf::MapInfo info = shape(GetParam());
  const Table from = make(info);
  const Table to = make(info);
  for (std::uint32_t i = 0; i < count; i++) {
    bpf::Bytes key(info.key_size);
    std::memcpy(key.data() + (info.key_size - sizeof(i)), &i, sizeof(i));
    if (info.type == BPF_MAP_TYPE_LPM_TRIE) key[0] = std::byte{32};
    // A value of its own for each CPU.
    bpf::Bytes value(from.map().lookup_size());
    for (std::size_t at = 0; at < value.size(); at++) value[at] = static_cast<std::byte>(i + at / 16);
    for (std::size_t at = 0; from.map().per_cpu() && at < value.size(); at++)
      if (at % 16 >= info.value_size) value[at] = std::byte{0};  // filled up to 8 bytes
    ASSERT_TRUE(from.map().update(key, value));
  }
  const auto copied = copy_table(from, to);
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_TRUE(*copied);
  EXPECT_EQ(elements(to).size(), count);
  EXPECT_EQ(elements(to), elements(from));
}

INSTANTIATE_TEST_SUITE_P(Types, CopyTableTest,
                         testing::Values(BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_HASH,
                                         BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH,
                                         BPF_MAP_TYPE_LPM_TRIE),
                         [](const auto& info) { return "type" + std::to_string(info.param); });

TEST(CopyQueueTest, StaysAsItIs) {
  const bpf::MapInfo info{
      .name = "queue", .type = BPF_MAP_TYPE_QUEUE, .key_size = 0, .value_size = 4, .max_entries = 8};
  const Table from = make(info);
  const Table to = make(info);
  const bpf::Bytes value(4, std::byte{7});
  ASSERT_TRUE(from.map().push(value));
  const auto copied = copy_table(from, to);
  ASSERT_TRUE(copied);
  EXPECT_FALSE(*copied);
  EXPECT_EQ(*from.map().next(false), value);
}

}  // namespace
}  // namespace polycube::engine
