// SPDX-License-Identifier: Apache-2.0
#include "bpf/map.h"

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <pthread.h>

namespace polycube::bpf {
namespace {

using testing::HasSubstr;

Map array(std::uint32_t value_size) {
  auto map = Map::create(
      {.name = "inner", .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = value_size, .max_entries = 1});
  if (!map) throw std::runtime_error(map.error().message);
  return std::move(*map);
}

std::uint32_t id_of(const Map& map) {
  bpf_map_info info{};
  __u32 size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(map.fd(), &info, &size), 0);
  return info.id;
}

class MapOfMaps : public testing::Test {
 protected:
  void SetUp() override {
    const Map like = array(8);
    LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<__u32>(like.fd()));
    const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "outer", 4, 4, 2, &options);
    ASSERT_GE(fd, 0);
    outer_ =
        Map(Fd(fd),
            {.name = "outer", .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4, .max_entries = 2});
  }
  /// 0: none.
  [[nodiscard]] std::uint32_t inner_id(std::uint32_t index) const {
    std::uint32_t id = 0;
    return bpf_map_lookup_elem(outer_.fd(), &index, &id) == 0 ? id : 0;
  }
  Map outer_;
};

TEST_F(MapOfMaps, HasTheInnerMapWhenTheCallReturns) {
  // Each takes the place of the one before, while the kernel still waits for whom that may concern.
  for (int i = 0; i < 50; i++) {
    const Map inner = array(8);
    ASSERT_TRUE(outer_.set_inner(1, inner));
    ASSERT_EQ(inner_id(1), id_of(inner));
  }
  EXPECT_EQ(inner_id(0), 0u);
}

TEST_F(MapOfMaps, WaitsByItselfWhenThereIsNoThreadToBeHad) {
  pthread_attr_t normal;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&normal), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, std::size_t{1} << 47), 0);  // more than there are addresses
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const Map inner = array(8);
  const auto done = outer_.set_inner(1, inner);
  const auto refused = outer_.set_inner(1, array(16));
  ASSERT_EQ(pthread_setattr_default_np(&normal), 0);
  EXPECT_TRUE(done);
  EXPECT_FALSE(refused);
  EXPECT_EQ(inner_id(1), id_of(inner));
}

TEST_F(MapOfMaps, SaysWhatTheKernelRefuses) {
  const Map inner = array(8);
  ASSERT_TRUE(outer_.set_inner(0, inner));
  const auto other_size = outer_.set_inner(0, array(16));
  ASSERT_FALSE(other_size);
  EXPECT_THAT(other_size.error().message, HasSubstr("cannot write table outer"));
  const auto beyond = outer_.set_inner(2, inner);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::limit_exceeded);
  EXPECT_EQ(inner_id(0), id_of(inner));
}

}  // namespace
}  // namespace polycube::bpf
