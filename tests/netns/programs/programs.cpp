// SPDX-License-Identifier: Apache-2.0
// A control plane that changes the programs of its cubes as tests tell it.
#include <polycube/control.h>
#include <polycube/table.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "abi.h"

namespace {

using namespace polycube;
using control::Code;
using control::Leaves;
using control::Program;

Program program_in(const Leaves& leaves) {
  return {leaves.at("direction") == "egress" ? control::Direction::egress : control::Direction::ingress,
          static_cast<std::uint16_t>(std::stoul(leaves.at("index")))};
}

control::Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Code code_in(const Leaves& leaves) {
  if (leaves.contains("program")) return Code::of_package(leaves.at("program"));
  if (leaves.contains("source")) return Code::from_source(leaves.at("source"));
  if (!leaves.contains("object")) return {};
  const std::string& path = leaves.at("object");
  return Code::from_objects(read_file(path + ".tc.o"), read_file(path + ".xdp.o"));
}

class Programs : public control::Cube {
 public:
  explicit Programs(control::Host& host) : host_(host) {}

  Result<> commit(const control::Changes& changes) override {
    for (const auto& change : changes) {
      if (change.node != "slave") continue;
      const auto index = static_cast<std::uint16_t>(std::stoul(change.keys.at(0)));
      const Program program{control::Direction::ingress, index};
      if (!change.after) {
        PCN_TRY(host_.remove_program(program));
        continue;
      }
      const Code code = Code::of_package(change.after->at("program"));
      if (change.before) {
        PCN_TRY(host_.reload_program(code, program));
      } else {
        PCN_TRY(host_.add_program(code, control::Direction::ingress, index));
      }
    }
    for (const auto& change : changes)
      if (change.node.empty() && change.after && change.after->contains("aside")) add_aside(change.after->at("aside"));
    for (const auto& change : changes)
      if (change.node.empty() && change.after && change.after->contains("failing"))
        return fail(ErrorCode::in_use, "{}", change.after->at("failing"));
    return {};
  }

  Result<Leaves> action(const std::string& path, const std::vector<std::string>& keys, const Leaves& input) override {
    if (path == "add") {
      const auto direction =
          input.at("direction") == "egress" ? control::Direction::egress : control::Direction::ingress;
      std::optional<std::uint16_t> index;
      if (input.contains("index")) index = static_cast<std::uint16_t>(std::stoul(input.at("index")));
      PCN_ASSIGN(const std::uint16_t added, host_.add_program(code_in(input), direction, index));
      return Leaves{{"index", std::to_string(added)}};
    }
    if (path == "reload") {
      PCN_TRY(host_.reload_program(code_in(input), program_in(input)));
      return Leaves{};
    }
    if (path == "remove") {
      PCN_TRY(host_.remove_program(program_in(input)));
      return Leaves{};
    }
    if (path == "churn") return churn(static_cast<unsigned>(std::stoul(input.at("times"))));
    if (path == "count") {
      PCN_ASSIGN(auto table, (control::Table<__u32, count>::open(host_, input.at("table"), program_in(input))));
      PCN_ASSIGN(const auto value, table.get(0));
      return Leaves{{"packets", std::to_string(value.value().packets)}};
    }
    return Cube::action(path, keys, input);
  }

  Result<control::Rows> state(const std::string& node) override {
    if (!node.empty()) return control::Rows{};
    return control::Rows{{{}, {{"reloads", std::to_string(reloads_)}}}};
  }

 private:
  void add_aside(const std::string& index) {
    std::jthread([&] {
      (void)host_.add_program(Code::of_package("step"), control::Direction::ingress,
                              static_cast<std::uint16_t>(std::stoul(index)));
    }).join();
  }

  Result<Leaves> churn(unsigned times) {
    reloads_ = 0;
    timer_ = host_.every(std::chrono::milliseconds(1), [this, times] {
      for (const auto& [name, index] : {std::pair("step", 1), std::pair("programs", 0)})
        if (const auto done = host_.reload_program(Code::of_package(name),
                                                   {control::Direction::ingress, static_cast<std::uint16_t>(index)});
            !done)
          throw std::runtime_error(done.error().message);
      if (++reloads_ == times) timer_.reset();
    });
    return Leaves{};
  }

  control::Host& host_;
  control::Timer timer_;
  unsigned reloads_ = 0;
};

}  // namespace

POLYCUBE_SERVICE(Programs);
