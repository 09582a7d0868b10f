// SPDX-License-Identifier: Apache-2.0
// Transactions of the engine against the kernel: all or nothing, and nothing left behind.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>

#include "bpf/link.h"
#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/probe/abi/probe.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Programs in the kernel that jump through the panel of this engine: what no descriptor shows.
std::size_t programs_around(const bpf::Map& panel) {
  bpf_map_info wanted{};
  __u32 size = sizeof(wanted);
  must(bpf_obj_get_info_by_fd(panel.fd(), &wanted, &size) == 0 ? Result<>() : fail_errno(errno, "inspect the panel"));
  std::size_t count = 0;
  for (__u32 id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
    const Fd fd(bpf_prog_get_fd_by_id(id));
    __u32 maps[64] = {};
    bpf_prog_info info{};
    info.nr_map_ids = std::size(maps);
    info.map_ids = reinterpret_cast<std::uintptr_t>(maps);
    size = sizeof(info);
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) < 0) continue;  // gone meanwhile
    const auto used = std::span(maps).first(std::min<std::size_t>(info.nr_map_ids, std::size(maps)));
    if (std::find(used.begin(), used.end(), wanted.id) != used.end()) count++;
  }
  return count;
}

// Descriptors of this process by what they are: "anon_inode:bpf-map", "anon_inode:bpf_link", ...
std::map<std::string, int> descriptors() {
  std::map<std::string, int> counts;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    std::string target = std::filesystem::read_symlink(entry.path(), error).string();
    if (target.starts_with("/proc/")) continue;  // the listing itself
    counts[target.substr(0, target.find('['))]++;
  }
  return counts;
}

class EngineTest : public testing::TestWithParam<Hook> {
 protected:
  Hook hook() const { return GetParam(); }

  void forward(const std::string& cube, const std::string& in, int out) {
    path_.write(cube, "rules", {{"inport", in}, {"action", "forward"}, {"outport", std::to_string(out)}});
  }
  void note(const std::string& cube, int number) {
    path_.write(cube, "notes", {{"number", std::to_string(number)}, {"text", "1"}});
  }

  // d1 - a - b - d2
  void make_chain() {
    for (const char* device : {"d1", "d2", "d3"}) {
      path_.add_device(device);
      sockets_.emplace(device, FrameSocket(DataPath::far_end(device)));
    }
    path_.add_cube("a", flooder(), hook(), {{"dev", "d1"}, {"in", ""}, {"free", ""}, {"spare", ""}});
    path_.add_cube("b", probe(), hook(), {{"dev", "d2"}, {"in", ""}});
    path_.join("a", "in", "b", "in");
    for (const char* cube : {"a", "b"}) {
      forward(cube, "dev", 1);
      forward(cube, "in", 0);
      note(cube, 7);
    }
    must(path_.apply());
    expect_working();
    (void)path_.send("a", "spare", frame_);  // so that its counters are not zero
  }

  void expect_arrives(const std::string& from, const std::string& to) {
    sockets_.at(from).send(frame_);
    EXPECT_TRUE(same_packet(frame_, sockets_.at(to).receive())) << from << " to " << to;
    for (const auto& [device, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << device;
  }
  void expect_working() {
    expect_arrives("d1", "d2");
    expect_arrives("d2", "d1");
  }

  // What a transaction that fails must not change.
  struct State {
    std::map<std::string, std::uint32_t> programs;
    std::map<std::string, std::vector<bpf::Bytes>> elements;
    std::map<std::string, bpf::Bytes> constants;
    std::map<std::string, int> descriptors;
    std::size_t kernel_programs = 0;
    /// By cube and port, or cube and reason.
    std::map<std::pair<std::string, std::string>, std::vector<std::uint64_t>> counters;
    bool operator==(const State&) const = default;
  };
  State state() const {
    State state;
    for (const auto& [name, cube] : path_.running().cubes) {
      const engine::Cube& running = path_.cube(name);
      state.programs[name] = must(running.program().info()).id;
      const auto constants = std::as_bytes(std::span(&running.constants().ingress, 1));
      state.constants[name].assign(constants.begin(), constants.end());
      for (const engine::BoundTable& bound : running.package().tables()) {
        auto& elements = state.elements[name + "/" + bound.binding->table];
        must(must(running.table(*bound.binding)).map.for_each([&](auto key, auto value) {
          bpf::Bytes element(key.begin(), key.end());
          element.insert(element.end(), value.begin(), value.end());
          elements.push_back(std::move(element));
        }));
        std::sort(elements.begin(), elements.end());
      }
      for (const auto& [port, value] : cube.ports) {
        const engine::PortStatistics counted = path_.statistics(name, port);
        state.counters[{name, port}] = {counted.in_packets, counted.in_bytes, counted.out_packets, counted.out_bytes};
      }
      for (const auto& [reason, count] : path_.statistics(name).drops) state.counters[{name, reason}] = {count};
    }
    state.descriptors = descriptors();
    state.kernel_programs = programs_around(path_.map("a", hook() == Hook::tc ? "pcn_panel_tc" : "pcn_panel_xdp"));
    return state;
  }
  void expect_unchanged(const State& before) {
    const State now = state();
    EXPECT_EQ(now.programs, before.programs);
    EXPECT_EQ(now.descriptors, before.descriptors);
    EXPECT_EQ(now.kernel_programs, before.kernel_programs);
    EXPECT_TRUE(now.elements == before.elements);
    EXPECT_TRUE(now.constants == before.constants);
    EXPECT_EQ(now.counters, before.counters);
    expect_working();
  }
  // A device that no port has: what it receives goes to the stack.
  void expect_hosts(const std::string& device) {
    const FrameSocket near(device);
    sockets_.at(device).send(frame_);
    EXPECT_TRUE(same_packet(frame_, near.receive())) << device;
  }

  // Changes of every kind that the chain would notice.
  void want_other_wiring_and_rules() {
    path_.set_peer("a", "dev", "d3");
    path_.set_peer("a", "free", "d1");
    path_.set_peer("a", "in", "");
    path_.write("a", "rules", {{"inport", "dev"}, {"action", "drop"}});
    path_.remove("a", "notes", {{"number", "7"}});
    note("a", 8);
    path_.wanted.cubes.at("a").ports.erase("spare");
    path_.set_peer("a", "another", "");  // with the index of the spare one
    path_.add_cube("new", probe(), hook(), {{"p", ""}});
    note("new", 1);
  }

  DataPath path_;
  std::map<std::string, FrameSocket> sockets_;
  const Bytes frame_ = build(Ethernet{} / Ipv4{} / Udp{} / Payload("hello"));
};

TEST_P(EngineTest, ARefusedProgramChangesNothingAndShowsTheLog) {
  make_chain();
  const State before = state();
  want_other_wiring_and_rules();
  path_.add_cube("refused", refused(), hook(), {{"p", ""}});
  const Result<> done = path_.apply();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::verifier_rejected);
  EXPECT_THAT(done.error().message, HasSubstr("refused.bpf.c:"));
  EXPECT_THAT(done.error().message, HasSubstr("return *(volatile __u32 *)(long)ctx->data;"));
  EXPECT_THAT(done.error().message, HasSubstr("compare the end of what is read with ctx->data_end"));
  EXPECT_THAT(done.error().detail, HasSubstr("invalid access to packet"));
  expect_unchanged(before);
}

// Programs that only lose wires are loaded when the others run already.
TEST_P(EngineTest, ALateRefusalChangesNothing) {
  make_chain();
  path_.add_cube("late", refused(), hook(), {{"p", "d3"}});
  must(path_.apply());
  const State before = state();
  path_.set_peer("late", "p", "");
  path_.set_peer("a", "free", "d3");
  path_.write("a", "rules", {{"inport", "dev"}, {"action", "forward"}, {"outport", "2"}});
  note("a", 8);
  const Result<> done = path_.apply();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::verifier_rejected);
  EXPECT_THAT(done.error().message, HasSubstr("late"));
  expect_unchanged(before);
}

// What control planes do is done on new tables and taken back on old ones, whoever fails after it.
TEST_P(EngineTest, WhatBelongsToATransactionIsTakenBackWithIt) {
  make_chain();
  path_.add_cube("late", refused(), hook(), {{"p", "d3"}});
  must(path_.apply());
  const State before = state();
  std::vector<std::string> calls;
  path_.set_peer("late", "p", "");
  path_.set_peer("a", "free", "d3");
  note("a", 8);
  path_.add_cube("new", probe(), hook(), {{"p", ""}});
  const auto notes = [&] { return path_.rows("a", "notes").size(); };
  const std::size_t notes_before = notes();
  path_.control = [&](engine::Undo& undo) -> Result<> {
    calls.push_back(fmt::format("done with {} more", notes() - notes_before));
    EXPECT_NE(path_.engine().cube("new"), nullptr);
    undo.add_final([&] { calls.push_back(fmt::format("undone with {} more", notes() - notes_before)); });
    return {};
  };
  ASSERT_FALSE(path_.apply());
  EXPECT_THAT(calls, ElementsAre("done with 1 more", "undone with 0 more"));
  EXPECT_EQ(path_.engine().cube("new"), nullptr);
  expect_unchanged(before);
}

TEST_P(EngineTest, WhatBelongsToATransactionCanRefuseIt) {
  make_chain();
  const State before = state();
  path_.control = [](engine::Undo&) -> Result<> { return fail(ErrorCode::in_use, "not now"); };
  want_other_wiring_and_rules();
  const Result<> done = path_.apply();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "not now");
  expect_unchanged(before);
  expect_hosts("d3");
}

TEST_P(EngineTest, AFullTableChangesNothing) {
  make_chain();
  const State before = state();
  want_other_wiring_and_rules();
  for (int number = 100; number < 100 + PROBE_NOTES; number++) note("b", number);
  const Result<> done = path_.apply();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::limit_exceeded);
  EXPECT_THAT(done.error().message, HasSubstr("notes"));
  EXPECT_THAT(done.error().message, HasSubstr("b"));
  expect_unchanged(before);
  expect_hosts("d3");
}

TEST_P(EngineTest, AFullTableOfANewCubeChangesNothing) {
  make_chain();
  const State before = state();
  want_other_wiring_and_rules();
  for (int number = 0; number <= PROBE_NOTES; number++) note("new", 1000 + number);
  ASSERT_FALSE(path_.apply());
  expect_unchanged(before);
}

TEST_P(EngineTest, ADeviceOfAnotherDaemonChangesNothing) {
  make_chain();
  State before;
  {
    const auto panel = must(engine::Panel::create(engine::family_of(hook())));
    const auto object = must(bpf::ObjectFile::read(root_object(engine::family_of(hook()))));
    engine::Root others = must(engine::Root::create(*panel, object, static_cast<int>(if_nametoindex("d3"))));
    must(others.attach("d3", {static_cast<int>(if_nametoindex("d3")), hook(), topology::Direction::ingress}));
    before = state();
    want_other_wiring_and_rules();
    const Result<> done = path_.apply();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::in_use);
    EXPECT_THAT(done.error().message, HasSubstr("d3"));
    expect_unchanged(before);
    others.detach();
    must(bpf::wait_for_running_programs());
  }
  path_.set_peer("a", "free", "d3");
  must(path_.apply());
  forward("a", "dev", 2);
  must(path_.apply());
  expect_arrives("d1", "d3");
}

// The kernel detaches from a device that goes; another one under its name and index looks the same to a wiring.
TEST_P(EngineTest, ADeviceThatAnotherReplaces) {
  make_chain();
  EXPECT_FALSE(path_.engine().has_lost_device());
  path_.replace_device("d2");
  sockets_.erase("d2");
  sockets_.emplace("d2", FrameSocket(DataPath::far_end("d2")));
  EXPECT_TRUE(path_.engine().has_lost_device());
  must(path_.apply());
  EXPECT_FALSE(path_.engine().has_lost_device());
  expect_working();
}

// A device carries one XDP program: in one transaction, that of the one hook makes way for that of the other.
class XdpEngineTest : public EngineTest {};

TEST_P(XdpEngineTest, ADeviceMovesToTheOtherHook) {
  make_chain();
  const Hook other = hook() == Hook::xdp_drv ? Hook::xdp_skb : Hook::xdp_drv;
  path_.add_cube("c", probe(), other, {{"p1", ""}, {"p2", "d3"}});
  path_.write("c", "rules", {{"inport", "p1"}, {"action", "forward"}, {"outport", "1"}});
  note("c", 1);
  must(path_.apply());
  const auto move = [&] {
    path_.set_peer("b", "dev", "");
    path_.set_peer("c", "p1", "d2");
  };
  const State before = state();
  move();
  for (int number = 0; number <= PROBE_NOTES; number++) note("c", 1000 + number);  // does not fit
  ASSERT_FALSE(path_.apply());
  expect_unchanged(before);
  move();
  must(path_.apply());
  expect_arrives("d2", "d3");
}

// tcx shares devices with programs of other kinds; XDP does not.
TEST_P(EngineTest, AForeignProgramOnTheDevice) {
  make_chain();
  path_.add_cube("other", probe(), hook(), {{"p", ""}});
  must(path_.apply());
  // Nobody tells a program that runs outside a cube on which port a packet came.
  for (std::uint32_t port = 0; port < PCN_MAX_PORTS; port++)
    path_.set_element("other", "rules", port, rule{PROBE_HOST, 0, 0});
  const bpf::Link foreign =
      must(bpf::Link::attach(path_.cube("other").program(), static_cast<int>(if_nametoindex("d3")),
                             engine::attach_point({0, hook(), topology::Direction::ingress}), "d3"));
  const auto seen_by_foreign = [&] { return path_.element<seen>("other", "seen", std::uint32_t{0})->packets; };
  const std::uint32_t seen_before = seen_by_foreign();
  if (hook() == Hook::tc) {
    path_.set_peer("a", "free", "d3");
    forward("a", "free", 0);
    must(path_.apply());
    expect_arrives("d3", "d1");
  } else {
    const State before = state();
    want_other_wiring_and_rules();
    const Result<> done = path_.apply();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::in_use);
    EXPECT_THAT(done.error().message, HasSubstr("d3"));
    expect_unchanged(before);
    expect_hosts("d3");
  }
  EXPECT_EQ(seen_by_foreign(), seen_before + 1) << "the foreign program still runs";
}

TEST_P(EngineTest, AThousandRewiringsLeaveNothing) {
  make_chain();
  path_.set_peer("a", "free", "d3");
  must(path_.apply());
  const auto rewire = [&] {
    path_.set_peer("a", "dev", "d3");
    path_.set_peer("a", "free", "d1");
    path_.set_peer("b", "in", "");
    must(path_.apply());
    path_.set_peer("a", "dev", "d1");
    path_.set_peer("a", "free", "d3");
    path_.join("a", "in", "b", "in");
    must(path_.apply());
  };
  rewire();
  State before = state();
  for (int round = 0; round < 500; round++) rewire();
  State now = state();
  EXPECT_EQ(now.descriptors, before.descriptors);
  EXPECT_EQ(now.kernel_programs, before.kernel_programs);
  expect_working();
}

TEST_P(EngineTest, CubesThatComeAndGoLeaveNothing) {
  make_chain();
  const auto come_and_go = [&] {
    path_.add_cube("c", flooder(), hook(), {{"dev", "d3"}, {"in", ""}});
    path_.join("c", "in", "a", "free");
    must(path_.apply());
    path_.wanted.cubes.erase("c");
    path_.set_peer("a", "free", "");
    must(path_.apply());
  };
  come_and_go();
  const State before = state();
  for (int round = 0; round < 50; round++) come_and_go();
  const State now = state();
  EXPECT_EQ(now.descriptors, before.descriptors);
  EXPECT_EQ(now.kernel_programs, before.kernel_programs);
  expect_working();
}

TEST_P(EngineTest, ADeviceIsLedFromCubeToCube) {
  make_chain();
  path_.add_cube("c", probe(), hook(), {{"x", ""}, {"dev", ""}, {"out", "d3"}});
  forward("c", "dev", 2);
  must(path_.apply());
  for (int round = 0; round < 3; round++) {
    path_.set_peer("a", "dev", "");
    path_.set_peer("c", "dev", "d1");
    must(path_.apply());
    expect_arrives("d1", "d3");
    EXPECT_EQ(path_.element<seen>("c", "seen", std::uint32_t{0})->in_port, 1u);
    path_.set_peer("c", "dev", "");
    path_.set_peer("a", "dev", "d1");
    must(path_.apply());
    expect_arrives("d1", "d2");
  }
}

TEST_P(EngineTest, ADeviceThatLeadsNowhereIsTheHosts) {
  make_chain();
  path_.set_peer("a", "dev", "");
  must(path_.apply());
  const FrameSocket near("d1");
  sockets_.at("d1").send(frame_);
  EXPECT_TRUE(same_packet(frame_, near.receive()));
  EXPECT_THAT(sockets_.at("d2").pending(), IsEmpty());
}

TEST_P(EngineTest, APortThatIsMadeAgainCountsFromZero) {
  make_chain();
  path_.add_cube("c", probe(), hook(), {{"p0", ""}, {"p1", ""}, {"p2", ""}});
  must(path_.apply());
  (void)path_.send("c", "p1", frame_);
  EXPECT_EQ(path_.statistics("c", "p1").in_packets, 1u);
  path_.wanted.cubes.at("c").ports.erase("p1");
  must(path_.apply());
  path_.set_peer("c", "again", "");
  must(path_.apply());
  ASSERT_EQ(path_.index("c", "again"), 1u);
  EXPECT_EQ(path_.statistics("c", "again").in_packets, 0u);
  EXPECT_EQ(path_.statistics("c", "again").in_bytes, 0u);
  (void)path_.send("c", "again", frame_);
  EXPECT_EQ(path_.statistics("c", "again").in_packets, 1u);
  // In one transaction.
  path_.wanted.cubes.at("c").ports.erase("again");
  path_.set_peer("c", "other", "");
  must(path_.apply());
  ASSERT_EQ(path_.index("c", "other"), 1u);
  EXPECT_EQ(path_.statistics("c", "other").in_packets, 0u);
}

TEST_P(EngineTest, TablesOutliveARewiring) {
  make_chain();
  path_.set_element("a", "rules", std::uint32_t{100}, rule{PROBE_HOST, 3, 4});
  path_.set_peer("a", "free", "d3");
  must(path_.apply());
  EXPECT_EQ(path_.element<rule>("a", "rules", std::uint32_t{100})->traffic_class, 4u);
  EXPECT_THAT(path_.rows("a", "notes"), ElementsAre(model::Row{"7", "1"}));
}

// The kernel accepts them although the compiler keeps more bits than those whose bounds were checked.
TEST_P(EngineTest, PortsComeFromNumbersOfAnySize) {
  for (const char* device : {"d1", "d5"}) path_.add_device(device);
  for (const std::string form : {"field", "counter", "remainder"}) {
    SCOPED_TRACE(form);
    path_.add_cube("w", wide(form), hook(),
                   {{"p0", ""}, {"p1", "d1"}, {"p2", ""}, {"p3", ""}, {"p4", ""}, {"p5", "d5"}});
    must(path_.apply());
    const auto send_to = [&](std::uint64_t target) {
      path_.set_element("w", "targets", std::uint32_t{0}, target);
      return path_.send("w", "p0", frame_);
    };
    EXPECT_THAT(send_to(1).left_by, ElementsAre("p1"));
    EXPECT_THAT(send_to(5).left_by, ElementsAre("p5"));
    for (const std::uint64_t none : {6UL, 128UL + 5, 65536UL + 5, 0xffff'ffffUL}) {
      const Outcome outcome = send_to(none);
      EXPECT_EQ(outcome.verdict, Verdict::drop) << none;
      EXPECT_EQ(outcome.drops, (std::map<std::string, std::uint64_t>{{"no-such-port", 1}})) << none;
    }
    path_.wanted.cubes.erase("w");
    must(path_.apply());
  }
}

TEST_P(EngineTest, NothingRunsWhereNothingChanges) {
  make_chain();
  const State before = state();
  must(path_.apply());
  expect_unchanged(before);
}

INSTANTIATE_TEST_SUITE_P(Hooks, XdpEngineTest, testing::Values(Hook::xdp_skb, Hook::xdp_drv), hook_name);
INSTANTIATE_TEST_SUITE_P(Hooks, EngineTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv), hook_name);

}  // namespace
}  // namespace polycube::harness
