// SPDX-License-Identifier: Apache-2.0
// Objects with damaged type information, as a service could send one: they are refused, or used as far as they go.
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <random>

#include "bpf/object.h"
#include "engine/scoped_table.h"
#include "harness/must.h"
#include "harness/places.h"

namespace polycube::harness {
namespace {

constexpr std::uint32_t attempts = 1000;
constexpr const char* object_name = "probes/caller/step.tc.o";  // with tables of every scope

bpf::Bytes read_object() {
  std::ifstream file(places().data / object_name, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// Where section .BTF is, by its magic number and version.
std::span<std::byte> types_in(bpf::Bytes& image) {
  constexpr std::array magic{std::byte{0x9f}, std::byte{0xeb}, std::byte{1}, std::byte{0}, std::byte{24}, std::byte{0}};
  const auto begin = std::search(image.begin(), image.end(), magic.begin(), magic.end());
  std::uint32_t header[6] = {};  // magic..flags, its length, and offsets and lengths of types and strings
  if (image.end() - begin < static_cast<std::ptrdiff_t>(sizeof(header))) throw std::runtime_error("no .BTF");
  std::memcpy(header, &*begin, sizeof(header));
  return {&*begin, header[1] + header[4] + header[5]};
}

/// Some words of it are others: large, or what could be an offset or a type.
void damage(std::span<std::byte> types, std::mt19937& random) {
  for (auto count = 1 + random() % 4; count > 0; count--) {
    const std::size_t word = random() % (types.size() / sizeof(std::uint32_t));
    const std::uint32_t value = random() % 2 == 0 ? 0x00ffffff : static_cast<std::uint32_t>(random() % 5000);
    std::memcpy(types.data() + word * sizeof(value), &value, sizeof(value));
  }
}

void use_libbpf(const bpf::Bytes& image) {
  bpf_object__close(bpf_object__open_mem(image.data(), image.size(), nullptr));
}

/// What the daemon does with an object before it asks the kernel.
void use(const bpf::Bytes& image) {
  const auto object = bpf::ObjectFile::parse("step.tc.o", image);
  if (!object) return;
  (void)object->has_constant("pcn_program");
  for (const auto& [name, info] : object->maps()) {
    (void)engine::scope_of(*object, name);
    (void)engine::shape_of(*object, name);
  }
}

template <typename Function>
bool survives(Function function) {
  const pid_t child = fork();
  if (child == 0) {
    (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    function();
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(DamagedObjects, AreSurvived) {
  const bpf::Bytes whole = read_object();
  ASSERT_TRUE(survives([&] { use(whole); }));
  std::mt19937 random(7);  // the same for each run
  std::uint32_t used = 0;
  for (std::uint32_t i = 0; i < attempts; i++) {
    bpf::Bytes image = whole;
    damage(types_in(image), random);
    if (!survives([&] { use_libbpf(image); })) continue;  // which nobody can do anything about
    used++;
    EXPECT_TRUE(survives([&] { use(image); })) << "attempt " << i;
  }
  EXPECT_GT(used, attempts / 2);
  RecordProperty("libbpf ends the process", static_cast<int>(attempts - used));
}

}  // namespace
}  // namespace polycube::harness
