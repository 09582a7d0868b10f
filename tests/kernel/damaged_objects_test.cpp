// SPDX-License-Identifier: Apache-2.0
// Damaged objects, as a service could send one: they are refused, or used as far as they go. libbpf ends the process with some
// of them, so a child process opens them first.
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <random>

#include "bpf/object.h"
#include "bpf/object_check.h"
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

/// Some words are others: large, or what could be an offset, a type or a size.
void damage(std::span<std::byte> types, std::mt19937& random) {
  for (auto count = 1 + random() % 4; count > 0; count--) {
    const std::size_t word = random() % (types.size() / sizeof(std::uint32_t));
    const std::uint32_t value = random() % 2 == 0 ? 0x00ffffff : static_cast<std::uint32_t>(random() % 5000);
    std::memcpy(types.data() + word * sizeof(value), &value, sizeof(value));
  }
}

bpf::Bytes damaged_types(bpf::Bytes image, std::mt19937& random) {
  damage(types_in(image), random);
  return image;
}

bpf::Bytes damaged_anywhere(bpf::Bytes image, std::mt19937& random) {
  damage(image, random);
  return image;
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

struct Counts {
  std::uint32_t usable = 0;
  std::uint32_t fatal = 0;  ///< to who opens them
};

// What passes the check is survived; what ends libbpf does not pass it.
Counts check_damaged(bpf::Bytes (*damaged)(bpf::Bytes, std::mt19937&)) {
  const bpf::Bytes whole = read_object();
  std::mt19937 random(7);  // the same for each run
  Counts counts;
  for (std::uint32_t i = 0; i < attempts; i++) {
    const bpf::Bytes image = damaged(whole, random);
    const auto checked = bpf::check_object("step.tc.o", image);
    if (checked) {
      counts.usable++;
      EXPECT_TRUE(survives([&] { use(image); })) << "attempt " << i;
    } else if (!survives([&] { use_libbpf(image); })) {
      counts.fatal++;
    }
    const auto parsed = bpf::ObjectFile::parse("step.tc.o", image, bpf::Origin::outside);
    EXPECT_TRUE(checked || !parsed) << "attempt " << i;
  }
  return counts;
}

TEST(DamagedObjects, WholeOnesPassTheCheck) {
  must(bpf::check_object("step.tc.o", read_object()));
  must(bpf::ObjectFile::parse("step.tc.o", read_object(), bpf::Origin::outside));
}

TEST(DamagedObjects, AreRefusedWhenTheirTypesEndTheProcess) {
  const Counts counts = check_damaged(damaged_types);
  EXPECT_GT(counts.usable, attempts / 2);
  EXPECT_GT(counts.fatal, 0u);  // else this shows nothing
  RecordProperty("libbpf ends the process", static_cast<int>(counts.fatal));
}

TEST(DamagedObjects, AreRefusedWhenAnythingElseEndsTheProcess) {
  const Counts counts = check_damaged(damaged_anywhere);
  EXPECT_GT(counts.usable, attempts / 10);
  RecordProperty("libbpf ends the process", static_cast<int>(counts.fatal));
}

}  // namespace
}  // namespace polycube::harness
