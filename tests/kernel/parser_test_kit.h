// SPDX-License-Identifier: Apache-2.0
/// A cube of the harness's parser between two devices, for the tests of the SDK's parsing and rewriting headers.
/// Threading: one thread.
#pragma once

#include <gtest/gtest.h>

#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/parser/abi/parser.h"

namespace polycube::harness {

/// An order, of which a test names what matters.
struct Order {
  std::uint32_t operation = PARSER_NOTHING;
  std::uint32_t offset = 0;
  std::uint32_t old = 0;
  std::uint32_t value = 0;
  std::uint32_t flags = 0;
  std::uint16_t protocol = 0;
};

class ParserTest : public testing::TestWithParam<Hook> {
 protected:
  struct Seen {
    parsed found;
    Bytes packet;  ///< as the program left it
  };

  void SetUp() override {
    for (const char* device : {"d0", "d1"}) path_.add_device(device);
    path_.add_cube("cube", parser(), GetParam(), {{"p0", "d0"}, {"p1", "d1"}});
    must(path_.apply());
    orders_ = path_.map("cube", "order");
    results_ = path_.map("cube", "parsed");
    give({});
  }

  /// Frames that are received on d0 leave by d1.
  void give(const Order& what) {
    must(orders_.set(0, order{what.operation, what.offset, what.old, what.value, what.flags, what.protocol, 1}));
  }

  [[nodiscard]] parsed found() const {
    const std::uint32_t zero = 0;
    const Bytes bytes = must(results_.lookup(std::as_bytes(std::span(&zero, 1))));
    parsed value;
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(&value));
    return value;
  }

  [[nodiscard]] Seen run(const Bytes& packet, std::span<const std::byte> context = {}) const {
    bpf::Program::RunOptions options;
    options.context = context;
    bpf::Program::Run run = must(path_.cube("cube").program().test_run(packet, options));
    return {found(), std::move(run.packet)};
  }

  DataPath path_;
  bpf::Map orders_;
  bpf::Map results_;
};

}  // namespace polycube::harness
