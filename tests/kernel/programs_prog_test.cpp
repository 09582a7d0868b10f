// SPDX-License-Identifier: Apache-2.0
// Cubes of several programs: jumps between them, changes while packets flow, and who shares which table.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/places.h"
#include "harness/probe/abi/probe.h"
#include "harness/probe/abi/programs.h"
#include "service/control_plane.h"

namespace polycube::harness {
namespace {

using engine::Code;
using engine::MicrocubeId;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using topology::Direction;

std::uint32_t id_of(const bpf::Map& map) {
  bpf_map_info info{};
  __u32 size = sizeof(info);
  must(bpf_obj_get_info_by_fd(map.fd(), &info, &size) == 0 ? Result<>() : fail_errno(errno, "inspect a map"));
  return info.id;
}

// That what comes from the first port leaves through the second.
constexpr port_rule first_to_second{
    .value = {}, .mask = {.in_port = 0xffffffff, .other = {}}, .out_port = 1, .unused = {}};

// The kernel frees what a program used some time after the program.
bool is_gone(std::uint32_t map) {
  for (int i = 0; i < 5000; i++) {
    if (!Fd(bpf_map_get_fd_by_id(map))) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

class ProgramsTest : public testing::TestWithParam<Hook> {
 protected:
  Hook hook() const { return GetParam(); }

  // d1 - c - d2
  void make_cube() {
    for (const char* device : {"d1", "d2"}) {
      path_.add_device(device);
      sockets_.emplace(device, FrameSocket(DataPath::far_end(device)));
    }
    path_.add_cube("c", caller(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
    must(path_.apply());
  }

  engine::Microcubes programs(const std::string& cube = "c") { return must(path_.engine().microcubes(cube)); }
  static Code code(const std::string& name) { return must(caller().package->code(name)); }
  std::uint16_t add(const std::string& name, std::optional<std::uint16_t> index = std::nullopt,
                    Direction direction = Direction::ingress, const std::string& cube = "c") {
    return must(programs(cube).add(direction, code(name), index));
  }

  template <typename Value>
  Value get(const std::string& table, MicrocubeId program = {}, std::uint32_t key = 0, const std::string& cube = "c") {
    const bpf::Bytes bytes = must(must(path_.cube(cube).map(table, program)).get(std::as_bytes(std::span(&key, 1))));
    Value value;
    EXPECT_EQ(bytes.size(), sizeof(value));
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }
  template <typename Value>
  void set(const std::string& table, const Value& value, MicrocubeId program = {}, std::uint32_t key = 0,
           const std::string& cube = "c") {
    must(must(path_.cube(cube).map(table, program))
             .set(std::as_bytes(std::span(&key, 1)), std::as_bytes(std::span(&value, 1)), 1));
  }
  void call(std::uint32_t index, Direction direction = Direction::ingress, std::uint32_t traffic_class = 0,
            const std::string& cube = "c") {
    set("calls", ::call{index, traffic_class}, {}, direction == Direction::egress, cube);
  }
  step seen(std::uint16_t index, Direction direction = Direction::ingress, const std::string& cube = "c") {
    return get<step>("steps", {direction, index}, direction == Direction::egress, cube);
  }
  void tell(std::uint16_t index, const step& what, Direction direction = Direction::ingress,
            const std::string& cube = "c") {
    set("steps", what, {direction, index}, direction == Direction::egress, cube);
  }

  void expect_arrives(const std::string& from, const std::string& to) {
    sockets_.at(from).send(frame_);
    EXPECT_TRUE(same_packet(frame_, sockets_.at(to).receive())) << from << " to " << to;
    for (const auto& [device, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << device;
  }

  DataPath path_;
  std::map<std::string, FrameSocket> sockets_;
  const Bytes frame_ = build(Ethernet{} / Ipv4{} / Udp{} / Payload("hello"));
};

constexpr step forward{
    .next = 0, .action = PROBE_FORWARD, .traffic_class = 0, .packets = 0, .in_port = 0, .seen_class = 0};
constexpr step jump(std::uint32_t next, std::uint32_t traffic_class = 0) {
  return {.next = next, .action = 0, .traffic_class = traffic_class, .packets = 0, .in_port = 0, .seen_class = 0};
}

// ---- jumps -----------------------------------------------------------------------------------------------------------

TEST_P(ProgramsTest, ASlaveGoesOnWithThePacket) {
  make_cube();
  expect_arrives("d1", "d2");
  EXPECT_EQ(add("step"), 1);
  tell(1, forward);
  call(1);
  expect_arrives("d2", "d1");
  EXPECT_EQ(seen(1).packets, 1u);
  EXPECT_EQ(seen(1).in_port, 1u);
  // Counted once.
  EXPECT_EQ(path_.statistics("c", "p2").in_packets, 2u - 1u);
  EXPECT_EQ(path_.statistics("c", "p1").out_packets, 1u);
  EXPECT_THAT(path_.statistics("c").drops, IsEmpty());
}

TEST_P(ProgramsTest, AChainOfSlavesByConstantAndByVariableIndex) {
  make_cube();
  for (std::uint16_t index : {1, 2, 63}) EXPECT_EQ(add("step", index), index);
  tell(1, jump(2));
  tell(2, jump(63));
  tell(63, forward);
  call(1);
  expect_arrives("d1", "d2");
  call(2);
  expect_arrives("d2", "d1");
  EXPECT_EQ(seen(1).packets, 1u);
  EXPECT_EQ(seen(2).packets, 2u);
  EXPECT_EQ(seen(63).packets, 2u);
  EXPECT_EQ(seen(63).in_port, 1u);
  EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
}

TEST_P(ProgramsTest, TheTrafficClassIsGivenAlongWhenItIsSaid) {
  make_cube();
  add("step", 1);
  add("step", 2);
  tell(1, jump(2));
  tell(2, forward);
  call(1);
  EXPECT_EQ(path_.send("c", "p1", frame_, 5).verdict, Verdict::redirect);
  EXPECT_EQ(seen(1).seen_class, 5u);
  EXPECT_EQ(seen(2).seen_class, 5u);
  call(1, Direction::ingress, 7);
  EXPECT_EQ(path_.send("c", "p1", frame_, 5).verdict, Verdict::redirect);
  EXPECT_EQ(seen(1).seen_class, 7u);
  EXPECT_EQ(seen(2).seen_class, 7u);
  tell(1, jump(2, 9));
  EXPECT_EQ(path_.send("c", "p2", frame_, 5).verdict, Verdict::redirect);
  EXPECT_EQ(seen(2).seen_class, 9u);
  EXPECT_EQ(seen(2).in_port, 1u);
  // From a device, whose packets have none.
  call(1);
  tell(1, jump(2));
  expect_arrives("d1", "d2");
  EXPECT_EQ(seen(2).seen_class, 0u);
  EXPECT_EQ(seen(2).in_port, 0u);
}

TEST_P(ProgramsTest, AMissingProgramIsForTheAuthorToHandle) {
  make_cube();
  for (std::uint32_t index : {1U, 2U, 63U, 64U, 1000000U}) {
    call(index);
    EXPECT_THAT(path_.send("c", "p1", frame_).drops, ElementsAre(Pair("error", 1))) << index;
  }
}

TEST_P(ProgramsTest, AfterThirtyThreeJumpsThereIsNone) {
  make_cube();
  add("step", 1);
  tell(1, jump(1));
  call(1);
  EXPECT_THAT(path_.send("c", "p1", frame_).drops, ElementsAre(Pair("error", 1)));
  EXPECT_EQ(seen(1).packets, 33u);
}

TEST_P(ProgramsTest, SlavesOnTheWayOut) {
  make_cube();
  EXPECT_EQ(add("step", 1, Direction::egress), 1);
  EXPECT_EQ(add("step", 2, Direction::egress), 2);
  tell(1, jump(2), Direction::egress);
  tell(2, forward, Direction::egress);
  call(1, Direction::egress);
  expect_arrives("d1", "d2");
  EXPECT_EQ(seen(2, Direction::egress).packets, 1u);
  EXPECT_EQ(seen(2, Direction::egress).in_port, 1u);
  EXPECT_EQ(path_.statistics("c", "p2").out_packets, 1u);
  tell(2, step{}, Direction::egress);
  sockets_.at("d1").send(frame_);
  for (int i = 0; i < 2000 && path_.statistics("c").drops["policy"] == 0; i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(path_.statistics("c").drops["policy"], 1u);
  EXPECT_EQ(path_.statistics("c", "p2").out_packets, 1u);
}

TEST_P(ProgramsTest, SlavesOnTheWayOutSeeWhatTheHostSends) {
  make_cube();
  add("step", 1, Direction::egress);
  tell(1, forward, Direction::egress);
  call(1, Direction::egress);
  FrameSocket host("d2");
  host.send(frame_);
  EXPECT_TRUE(same_packet(frame_, sockets_.at("d2").receive()));
  EXPECT_EQ(seen(1, Direction::egress).packets, 1u);
  must(programs().replace({Direction::egress, 1}, code("later")));
  host.send(frame_);
  EXPECT_TRUE(same_packet(frame_, sockets_.at("d2").receive()));
  EXPECT_EQ(seen(1, Direction::egress).packets, 101u);
}

TEST_P(ProgramsTest, SlavesOfATransparentCube) {
  make_cube();
  path_.add_cube("t", transparent_caller(), hook(), {});
  path_.wanted.chains["d1"].push_back("t");
  must(path_.apply());
  expect_arrives("d1", "d2");
  for (const Direction direction : {Direction::ingress, Direction::egress}) {
    add("step", 1, direction, "t");
    tell(1, jump(2), direction, "t");
    add("step", 2, direction, "t");
    tell(2, {.next = 0, .action = PROBE_HOST, .traffic_class = 0, .packets = 0, .in_port = 0, .seen_class = 0},
         direction, "t");
    call(1, direction, 0, "t");
  }
  expect_arrives("d1", "d2");
  EXPECT_EQ(seen(2, Direction::ingress, "t").packets, 1u);
  EXPECT_EQ(seen(2, Direction::egress, "t").packets, 0u);
  expect_arrives("d2", "d1");
  EXPECT_EQ(seen(2, Direction::egress, "t").packets, 1u);
  EXPECT_EQ(seen(2, Direction::egress, "t").in_port, 1u);
  EXPECT_THAT(must(path_.cube("t").statistics({})).drops, IsEmpty());
  // A transparent cube redirects nothing.
  tell(2, forward, Direction::ingress, "t");
  sockets_.at("d1").send(frame_);
  for (int i = 0; i < 2000 && must(path_.cube("t").statistics({})).drops["error"] == 0; i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_THAT(must(path_.cube("t").statistics({})).drops, ElementsAre(Pair("error", 1)));
}

// ---- changes ---------------------------------------------------------------------------------------------------------

TEST_P(ProgramsTest, AReloadKeepsTables) {
  make_cube();
  add("step", 1);
  tell(1, forward);
  call(1);
  (void)path_.send("c", "p1", frame_);
  must(programs().replace({Direction::ingress, 1}, code("later")));
  (void)path_.send("c", "p1", frame_);
  EXPECT_EQ(seen(1).packets, 101u);
  EXPECT_EQ(get<count>("total").packets, 2u);
  must(programs().replace({}, code("caller")));
  (void)path_.send("c", "p1", frame_);
  EXPECT_EQ(seen(1).packets, 201u);
  EXPECT_EQ(get<count>("own").packets, 3u);
  expect_arrives("d1", "d2");
  EXPECT_EQ(get<count>("own").packets, 4u);  // what devices enter is the new master as well
}

TEST_P(ProgramsTest, RewiringKeepsSlaves) {
  make_cube();
  path_.add_device("d3");
  sockets_.emplace("d3", FrameSocket(DataPath::far_end("d3")));
  add("step", 1);
  tell(1, forward);
  call(1);
  expect_arrives("d1", "d2");
  path_.set_peer("c", "p2", "d3");
  must(path_.apply());
  expect_arrives("d1", "d3");
  EXPECT_EQ(seen(1).packets, 2u);
}

TEST_P(ProgramsTest, ARemovedProgramIsGone) {
  make_cube();
  add("step", 1);
  tell(1, forward);
  call(1);
  const std::uint32_t table = id_of(must(path_.cube("c").map("steps", {Direction::ingress, 1})).table->map());
  EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
  must(programs().remove({Direction::ingress, 1}));
  EXPECT_THAT(path_.send("c", "p1", frame_).drops, ElementsAre(Pair("error", 1)));
  EXPECT_TRUE(is_gone(table));
  EXPECT_EQ(add("step"), 1);
  EXPECT_EQ(seen(1).packets, 0u);
  // A rewiring does not bring back what is gone.
  must(programs().remove({Direction::ingress, 1}));
  path_.set_peer("c", "p2", "");
  must(path_.apply());
  EXPECT_THAT(path_.send("c", "p1", frame_).drops, ElementsAre(Pair("error", 1)));
}

TEST_P(ProgramsTest, ThousandReplacementsLoseNothing) {
  make_cube();
  add("step", 1);
  tell(1, jump(2));
  add("step", 2);
  tell(2, forward);
  call(1);
  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> sent = 0;
  std::jthread traffic([&] {
    // As it enters from another cube: the input port is laid down.
    __sk_buff context{};
    bpf::Program::RunOptions options;
    options.repeat = 500;
    if (hook() == Hook::tc) options.context = std::as_bytes(std::span(&context, 1));
    const bpf::Program& program = path_.cube("c").program();
    while (!over) {
      must(program.test_run(frame_, options));
      sent += options.repeat;
    }
  });
  for (int i = 0; i < 500; i++)
    for (const std::uint16_t index : {1, 2})
      must(programs().replace({Direction::ingress, index}, code(i % 2 == 0 ? "later" : "step")));
  over = true;
  traffic.join();
  EXPECT_GT(sent, 0u);
  EXPECT_THAT(path_.statistics("c").drops, IsEmpty());
  EXPECT_EQ(get<count>("total").packets, 2 * sent);
}

TEST_P(ProgramsTest, ATransactionMeetsProgramsThatChangedMeanwhile) {
  make_cube();
  path_.add_device("d3");
  sockets_.emplace("d3", FrameSocket(DataPath::far_end("d3")));
  call(1);
  // Within the transaction, as a control plane does in commit().
  path_.set_peer("c", "p2", "d3");
  path_.control = [&](engine::Undo&) -> Result<> {
    add("step", 1);
    tell(1, forward);
    must(programs().replace({}, code("caller")));
    return {};
  };
  must(path_.apply());
  expect_arrives("d1", "d3");
  expect_arrives("d3", "d1");
  EXPECT_EQ(seen(1).packets, 2u);
  // A transaction that is taken back keeps what was changed, and what was added has the wires of before.
  path_.set_peer("c", "p2", "d2");
  path_.control = [&](engine::Undo&) -> Result<> {
    add("step", 2);
    tell(2, forward);
    call(2);
    return fail(ErrorCode::in_use, "no");
  };
  EXPECT_FALSE(path_.apply());
  expect_arrives("d1", "d3");
  EXPECT_EQ(seen(2).packets, 1u);
}

TEST_P(ProgramsTest, TransactionsWhileTheMasterIsReplaced) {
  make_cube();
  std::atomic<bool> over = false;
  std::jthread reloads([&, mine = programs()] {
    while (!over) must(mine.replace({}, code("caller")));
  });
  for (int i = 0; i < 30; i++) {
    path_.set_peer("c", "p2", i % 2 == 0 ? "" : "d2");
    must(path_.apply());
  }
  over = true;
  reloads.join();
  expect_arrives("d1", "d2");
}

TEST_P(ProgramsTest, ATransactionThatCannotGoBackToItsProgramsLeavesTheOthers) {
  make_cube();
  path_.add_device("d3");
  path_.add_cube("c", caller(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"p3", ""}});
  path_.wanted.cubes.at("c").log_level = "TRACE";
  must(path_.apply());
  // The new master is one that the kernel refuses with the constants of before.
  path_.wanted.cubes.at("c").log_level = "INFO";
  path_.set_peer("c", "p1", "");
  path_.set_peer("c", "p3", "d3");
  path_.control = [&](engine::Undo&) -> Result<> {
    must(programs().replace({}, code("trap")));
    return fail(ErrorCode::in_use, "no");
  };
  EXPECT_EQ(path_.apply().error().code, ErrorCode::in_use);
  must(programs().replace({}, code("caller")));
  must(path_.apply());
  expect_arrives("d1", "d2");
}

TEST_P(ProgramsTest, ACubeThatReplacesAnotherReloadsItsMasterAtOnce) {
  make_cube();
  path_.wanted.cubes.at("c").hook = hook() == Hook::tc ? Hook::xdp_skb : Hook::tc;
  bool reloaded = false;
  path_.control = [&](engine::Undo&) -> Result<> {
    PCN_TRY(programs().replace({}, code("caller")));
    reloaded = true;
    return {};
  };
  must(path_.apply());
  EXPECT_TRUE(reloaded);
  expect_arrives("d1", "d2");
}

// ---- by control planes -----------------------------------------------------------------------------------------------

/// Makes one control plane, which does what the test says.
class Source : public service::ControlSource {
 public:
  [[nodiscard]] Result<std::unique_ptr<control::Cube>> create(control::Host& made_for) override {
    host = &made_for;
    return std::make_unique<Cube>(*this);
  }
  [[nodiscard]] Place place() const override { return Place::in_process; }

  control::Host* host = nullptr;
  std::function<Result<>()> commit;

 private:
  struct Cube : control::Cube {
    explicit Cube(Source& made_by) : source(made_by) {}
    [[nodiscard]] Result<> commit(const control::Changes&) override { return source.commit(); }
    Source& source;
  };
};

class ControlPlaneTest : public ProgramsTest {
 protected:
  void make_control_plane() {
    make_cube();
    plane_ = must(service::ControlPlane::create(source_, "c", "", *caller().package, path_.engine().slow_path()));
    plane_->join(path_.engine());
    plane_->start(path_.engine());
  }
  control::Host& host() { return *source_.host; }

  Source source_;
  std::unique_ptr<service::ControlPlane> plane_;
};

TEST_P(ControlPlaneTest, ACommitThatFailsTakesBackWhatItDidAndNothingElse) {
  make_control_plane();
  const auto add_step = [&](std::uint16_t index) {
    return host().add_program(control::Code::of_package("step"), control::Direction::ingress, index);
  };
  std::promise<void> begun;
  // Has its turn when commit() is called: whatever commit() finds there was there before it.
  const control::Timer timer = host().after(std::chrono::milliseconds(0), [&] {
    begun.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    must(add_step(1));
  });
  begun.get_future().wait();
  source_.commit = [&]() -> Result<> {
    must(add_step(2));
    return fail(ErrorCode::in_use, "no");
  };
  EXPECT_EQ(plane_->commit({}).error().code, ErrorCode::in_use);
  EXPECT_TRUE(path_.cube("c").has({Direction::ingress, 1}));
  EXPECT_FALSE(path_.cube("c").has({Direction::ingress, 2}));
}

TEST_P(ControlPlaneTest, WhatOthersDoToProgramsMeanwhileStays) {
  make_control_plane();
  const auto add_step = [&](std::uint16_t index) {
    must(host().add_program(control::Code::of_package("step"), control::Direction::ingress, index));
  };
  // As what a timer does in a process of its own comes: by another thread, while commit() runs.
  const auto aside = [](const std::function<void()>& function) { std::jthread(function).join(); };
  const auto has = [&](std::uint16_t index) { return path_.cube("c").has({Direction::ingress, index}); };
  source_.commit = [&]() -> Result<> {
    add_step(2);
    aside([&] { add_step(3); });
    return fail(ErrorCode::in_use, "no");
  };
  EXPECT_EQ(plane_->commit({}).error().code, ErrorCode::in_use);
  EXPECT_FALSE(has(2));
  EXPECT_TRUE(has(3));

  // The commit() with the reverse fails: that takes itself back, and the framework what it should have taken back.
  const auto commit_step = [&]() -> Result<> {
    add_step(2);
    return {};
  };
  source_.commit = commit_step;
  const engine::ProgramChanges done = must(plane_->commit({}));
  aside([&] { add_step(4); });
  source_.commit = [&]() -> Result<> {
    must(host().remove_program({control::Direction::ingress, 2}));
    return fail(ErrorCode::in_use, "no");
  };
  EXPECT_FALSE(plane_->commit({}));
  EXPECT_TRUE(has(2));
  plane_->take_back(done);
  EXPECT_FALSE(has(2));
  EXPECT_TRUE(has(3));
  EXPECT_TRUE(has(4));

  // What somebody put into the place of what commit() did is not commit()'s.
  source_.commit = commit_step;
  const engine::ProgramChanges again = must(plane_->commit({}));
  must(host().reload_program(control::Code::of_package("step"), {control::Direction::ingress, 2}));
  plane_->take_back(again);
  EXPECT_TRUE(has(2));
}

// What shares a table with a program that cannot go back stays with it.
TEST_P(ControlPlaneTest, WhatIsTakenBackMeetsTablesThatOthersMadeMeanwhile) {
  make_control_plane();
  const MicrocubeId one{Direction::ingress, 1};
  const MicrocubeId two{Direction::ingress, 2};
  const auto team = [&](const MicrocubeId& program) {
    return id_of(must(path_.cube("c").map("team", program)).table->map());
  };
  add("step", 1);
  source_.commit = [&]() -> Result<> {
    must(host().reload_program(control::Code::of_package("other"), {control::Direction::ingress, 1}));
    std::jthread([&] {
      must(host().add_program(control::Code::of_package("other"), control::Direction::ingress, 2));
    }).join();
    return fail(ErrorCode::in_use, "no");
  };
  EXPECT_EQ(plane_->commit({}).error().code, ErrorCode::in_use);
  EXPECT_EQ(team(one), team(two));
}

// While commit() stands still: the slow path goes on with others, and the cube's own timer waits for its turn.
TEST_P(ControlPlaneTest, ACubeThatStandsStillHoldsUpNoOther) {
  constexpr std::chrono::seconds long_enough{20};  // only a broken run waits for it
  make_control_plane();
  std::promise<void> begun;
  std::promise<void> leave;
  source_.commit = [&]() -> Result<> {
    begun.set_value();
    leave.get_future().wait();
    return {};
  };
  auto commit = std::async(std::launch::async, [&] { return plane_->commit({}); });
  begun.get_future().wait();
  std::atomic<int> fired = 0;
  std::promise<void> fired_again;
  const control::Timer timer = host().every(std::chrono::milliseconds(1), [&] {
    if (++fired == 2) fired_again.set_value();
  });
  bool goes_on = true;
  for (int i = 0; i < 20 && goes_on; i++) {
    const auto other = std::make_shared<std::promise<void>>();
    using Delay = std::optional<engine::SlowPath::Clock::duration>;
    (void)path_.engine().slow_path().schedule(std::chrono::milliseconds(1), [other]() -> Delay {
      other->set_value();
      return std::nullopt;
    });
    goes_on = other->get_future().wait_for(long_enough) == std::future_status::ready;
  }
  EXPECT_TRUE(goes_on);
  EXPECT_EQ(fired, 0);
  leave.set_value();
  must(commit.get());
  EXPECT_EQ(fired_again.get_future().wait_for(long_enough), std::future_status::ready);
}

TEST_P(ControlPlaneTest, CodeIsOfOneKind) {
  make_control_plane();
  control::Code both = control::Code::of_package("step");
  both.source = "int x;";
  control::Code more = control::Code::of_package("step");
  more.xdp_object.resize(1);
  for (const control::Code& code : {both, more}) {
    const auto refused = host().add_program(code, control::Direction::ingress, 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_value);
    EXPECT_THAT(refused.error().message, HasSubstr("give one of them"));
  }
}

TEST_P(ControlPlaneTest, AHandleIsForTheStructThatItWasOpenedWith) {
  make_control_plane();
  const control::Program first{control::Direction::ingress, 1};
  must(host().add_program(control::Code::of_package("step"), first.direction, first.index));
  const auto table = must(host().open_table("steps", first));
  const std::uint32_t key = 0;
  const auto read = [&] { return table->get(std::as_bytes(std::span(&key, 1))); };
  EXPECT_TRUE(read());
  must(host().reload_program(control::Code::of_package("later"), first));
  EXPECT_TRUE(read());
  // The same sizes, another struct.
  must(host().reload_program(control::Code::of_package("renamed"), first));
  EXPECT_THAT(read().error().message, HasSubstr("open it again"));
  must(host().reload_program(control::Code::of_package("step"), first));
  EXPECT_TRUE(read());
}

// ---- what is refused -------------------------------------------------------------------------------------------------

TEST_P(ProgramsTest, WhatIsRefusedChangesNothing) {
  make_cube();
  add("step", 1);
  tell(1, forward);
  call(1);
  const auto refused = [&](auto&& request) {
    const auto done = request();
    EXPECT_FALSE(done);
    EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
    return done ? Error{} : done.error();
  };
  const auto adding = [&](Direction direction, const Code& what, std::optional<std::uint16_t> index) {
    return refused([&] { return programs().add(direction, what, index); });
  };
  const Error stack = adding(Direction::ingress, code("greedy"), 2);
  EXPECT_EQ(stack.code, ErrorCode::verifier_rejected);
  EXPECT_THAT(stack.message, HasSubstr("cube c: ingress program 2: "));
  EXPECT_THAT(stack.message, HasSubstr("combined stack size"));
  EXPECT_THAT(stack.message, HasSubstr("the stack has 512 bytes for all functions together"));
  EXPECT_EQ(refused([&] { return programs().replace({Direction::ingress, 1}, code("greedy")); }).code,
            ErrorCode::verifier_rejected);
  EXPECT_EQ(adding(Direction::ingress, code("step"), 1).code, ErrorCode::data_exists);
  EXPECT_EQ(adding(Direction::ingress, code("step"), 64).code, ErrorCode::limit_exceeded);
  EXPECT_EQ(adding(Direction::ingress, code("step"), 0).code, ErrorCode::data_exists);
  EXPECT_THAT(adding(Direction::egress, code("greedy"), 1).message, HasSubstr("has no egress program"));
  EXPECT_THAT(adding(Direction::ingress, code("caller"), 2).message, HasSubstr("is no slave"));
  EXPECT_THAT(adding(Direction::ingress, Code{}, 2).message, HasSubstr("there is no object for"));
  EXPECT_EQ(refused([&] { return programs().replace({Direction::ingress, 2}, code("step")); }).code,
            ErrorCode::data_missing);
  EXPECT_EQ(refused([&] { return programs().remove({Direction::ingress, 2}); }).code, ErrorCode::data_missing);
  EXPECT_EQ(refused([&] { return programs().remove({}); }).code, ErrorCode::operation_not_supported);
  EXPECT_THAT(refused([&] { return programs().replace({}, code("step")); }).message, HasSubstr("is a slave"));
  EXPECT_THAT(refused([&] { return programs().replace({}, must(probe().package->code("probe"))); }).message,
              HasSubstr("polycube/egress.h"));
  EXPECT_THAT(refused([&] { return programs().replace({}, transparent_caller().package->master()); }).message,
              HasSubstr("includes polycube/transparent.h"));
  EXPECT_EQ(caller().package->code("nobody").error().code, ErrorCode::data_missing);
  // 62 more, then no room is left.
  for (int i = 2; i < PCN_MAX_PROGRAMS; i++) EXPECT_EQ(add("step"), i);
  EXPECT_EQ(adding(Direction::ingress, code("step"), std::nullopt).code, ErrorCode::limit_exceeded);
}

TEST_P(ProgramsTest, ATransparentCubeTakesNoMasterWithPorts) {
  make_cube();
  path_.add_cube("t", transparent_caller(), hook(), {});
  path_.wanted.chains["d1"].push_back("t");
  must(path_.apply());
  const auto refused = programs("t").replace({}, code("caller"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("does not include polycube/transparent.h"));
  must(programs("t").replace({}, transparent_caller().package->master()));
  expect_arrives("d1", "d2");
}

TEST(PackageTest, AModelAndItsObjectsAreOfOneKind) {
  const auto open = [](const std::string& name, bool transparent) {
    model::ServiceModel model;
    model.name = name;
    model.transparent = transparent;
    return engine::Package::open(places().data / "probes" / name, model);
  };
  must(open("caller", false));
  must(open("transparent_caller", true));
  const auto with_ports = open("caller", true);
  ASSERT_FALSE(with_ports);
  EXPECT_EQ(with_ports.error().code, ErrorCode::invalid_value);
  EXPECT_THAT(with_ports.error().message, AllOf(HasSubstr("caller.yang is the model of a transparent cube"),
                                                HasSubstr("caller.tc.o does not include polycube/transparent.h")));
  const auto without = open("transparent_caller", false);
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, ErrorCode::invalid_value);
  EXPECT_THAT(without.error().message, AllOf(HasSubstr("transparent_caller.yang is the model of a cube with ports"),
                                             HasSubstr("transparent_caller.tc.o includes polycube/transparent.h")));
}

TEST_P(ProgramsTest, TheTablesOfTheModelStayAsTheyAreShared) {
  path_.add_cube("p", probe(), hook(), {{"p1", ""}});
  path_.write("p", "rules", {{"inport", "p1"}, {"action", "host"}});
  must(path_.apply());
  const auto refused = programs("p").replace({}, must(probe().package->code("shared")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_value);
  EXPECT_THAT(refused.error().message, HasSubstr("table rules is shared otherwise"));
  EXPECT_EQ(path_.send("p", "p1", frame_).verdict, Verdict::host);
}

TEST_P(ProgramsTest, ACubeThatJumpsNowhereTakesNoSlaves) {
  make_cube();
  path_.add_cube("p", probe(), hook(), {{"p1", ""}});
  must(path_.apply());
  EXPECT_THAT(programs("p").add(Direction::ingress, code("step"), {}).error().message,
              HasSubstr("polycube/programs.h"));
  EXPECT_THAT(programs("p").add(Direction::egress, code("step"), {}).error().message, HasSubstr("polycube/egress.h"));
}

// ---- tables ----------------------------------------------------------------------------------------------------------

TEST_P(ProgramsTest, CubesDoNotSeeEachOthersPrograms) {
  make_cube();
  path_.add_cube("other", caller(), hook(), {{"p1", ""}, {"p2", ""}});
  must(path_.apply());
  add("step", 1);
  tell(1, forward);
  call(1);
  call(1, Direction::ingress, 0, "other");
  EXPECT_THAT(path_.send("other", "p1", frame_).drops, ElementsAre(Pair("error", 1)));
  EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
  EXPECT_EQ(get<count>("total", {}, 0, "other").packets, 0u);
}

TEST_P(ProgramsTest, TablesAreSharedAsTheyAreDeclared) {
  make_cube();
  path_.add_cube("other", caller(), hook(), {{"p1", ""}, {"p2", ""}});
  must(path_.apply());
  const MicrocubeId one{Direction::ingress, 1};
  const MicrocubeId two{Direction::ingress, 2};
  for (const char* cube : {"c", "other"}) {
    add("step", 1, Direction::ingress, cube);
    add("step", 2, Direction::ingress, cube);
    tell(1, jump(2), Direction::ingress, cube);
    call(1, Direction::ingress, 0, cube);
    (void)path_.send(cube, "p1", frame_);
  }
  EXPECT_EQ(seen(1).packets, 1u);
  EXPECT_EQ(seen(2).packets, 1u);
  EXPECT_EQ(get<count>("total").packets, 2u);  // by the master
  EXPECT_EQ(get<count>("total", two).packets, 2u);
  EXPECT_EQ(get<count>("team", one).packets, 4u);
  EXPECT_EQ(get<count>("everybody", two, 0, "other").packets, 4u);
  EXPECT_FALSE(path_.cube("c").map("steps"));
  EXPECT_FALSE(path_.cube("c").map("pcn_stats"));
}

TEST_P(ProgramsTest, TablesOfRulesOfEverySize) {
  make_cube();
  std::uint16_t index = 0;
  for (const auto& [name, last] : {std::pair("rules64", 64u), std::pair("rules128", 128u), std::pair("rules256", 256u),
                                   std::pair("rules8192", 8192u), std::pair("rules16384", 16384u)}) {
    SCOPED_TRACE(name);
    add(name, ++index);
    call(index);
    EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::drop);
    // The last of all rules: those in front of it are for another port.
    std::vector<std::uint32_t> keys(last);
    std::vector<port_rule> rules(last, first_to_second);
    for (std::uint32_t i = 0; i < last; i++) keys[i] = i;
    for (std::uint32_t i = 0; i + 1 < last; i++) rules[i].value.in_port = 7;
    must(must(path_.cube("c").map("rules", {Direction::ingress, index}))
             .set(std::as_bytes(std::span(keys)), std::as_bytes(std::span(rules)), last));
    EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
    EXPECT_EQ(path_.send("c", "p2", frame_).verdict, Verdict::drop);
  }
}

TEST_P(ProgramsTest, ATableOfRulesThatChangesItsSizeBeginsAnew) {
  make_cube();
  const MicrocubeId one{Direction::ingress, 1};
  add("rules8192", 1);
  call(1);
  for (const char* name : {"rules8192", "rules256", "rules16384", "rules64"}) {
    SCOPED_TRACE(name);
    must(programs().replace(one, code(name)));
    EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::drop);
    set("rules", first_to_second, one);
    EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
    must(programs().replace(one, code(name)));  // and of the same size, stays
    EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
  }
}

TEST_P(ProgramsTest, SharedTablesGoWithTheirLastUser) {
  make_cube();
  path_.add_cube("other", caller(), hook(), {{"p1", ""}, {"p2", ""}});
  must(path_.apply());
  const MicrocubeId one{Direction::ingress, 1};
  add("step", 1);
  add("step", 1, Direction::ingress, "other");
  const auto id = [&](const char* table) { return id_of(must(path_.cube("c").map(table, one)).table->map()); };
  const std::uint32_t team = id("team");
  const std::uint32_t everybody = id("everybody");
  const std::uint32_t total = id("total");
  set("team", count{17}, one);
  must(programs("other").remove(one));
  EXPECT_EQ(get<count>("team", one).packets, 17u);
  must(programs().remove(one));
  EXPECT_TRUE(is_gone(team));
  EXPECT_TRUE(is_gone(everybody));
  EXPECT_TRUE(Fd(bpf_map_get_fd_by_id(total)));  // of the master as well
  add("step", 1, Direction::ingress, "other");
  EXPECT_EQ(get<count>("team", one, 0, "other").packets, 0u);
  const std::uint32_t again = id_of(must(path_.cube("other").map("team", one)).table->map());
  path_.wanted.cubes.erase("other");
  must(path_.apply());
  EXPECT_TRUE(is_gone(again));
}

TEST_P(ProgramsTest, TablesThatDoNotFit) {
  make_cube();
  path_.add_cube("other", caller(), hook(), {{"p1", ""}, {"p2", ""}});
  must(path_.apply());
  const MicrocubeId one{Direction::ingress, 1};
  add("step", 1);
  tell(1, forward);
  add("step", 1, Direction::ingress, "other");
  call(1);
  // Another user stands in the way.
  const auto refused = programs().replace(one, code("other"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_value);
  for (const char* part :
       {"table team", "ingress program 1 of cube c declares", "and ingress program 1 of cube other as", "wide_count",
        "8 bytes (count: __u64 packets)", "16 bytes"})
    EXPECT_THAT(refused.error().message, HasSubstr(part));
  EXPECT_EQ(path_.send("c", "p1", frame_).verdict, Verdict::redirect);
  EXPECT_EQ(seen(1).packets, 1u);
  // Without one it gets tables of its own, and begins anew with those that it declares otherwise.
  must(programs("other").remove(one));
  must(programs().replace(one, code("other")));
  EXPECT_EQ(get<step>("steps", one).packets, 0u);
  EXPECT_EQ(get<wide_count>("team", one).packets, 0u);
  EXPECT_EQ(get<count>("everybody", one).packets, 1u);
}

// A program that is put back has the tables that it had, and whoever shares them finds those.
TEST_P(ProgramsTest, WhatIsPutBackSharesItsTablesAgain) {
  make_cube();
  path_.add_cube("other", caller(), hook(), {{"p1", ""}, {"p2", ""}});
  must(path_.apply());
  const MicrocubeId one{Direction::ingress, 1};
  const MicrocubeId two{Direction::ingress, 2};
  const auto id = [&](const char* table, const MicrocubeId& program, const char* cube = "c") {
    return id_of(must(path_.cube(cube).map(table, program)).table->map());
  };
  add("step", 1);
  set("team", count{17}, one);
  const std::uint32_t team = id("team", one);
  const auto before = programs().snapshot();
  must(programs().replace(one, code("other")));
  EXPECT_NE(id("team", one), team);
  must(programs().put_back(before));
  EXPECT_EQ(id("team", one), team);
  add("step", 2);
  add("step", 1, Direction::ingress, "other");
  for (const char* table : {"team", "everybody"}) {
    EXPECT_EQ(id(table, two), id(table, one)) << table;
    EXPECT_EQ(id(table, one, "other"), id(table, one)) << table;
  }
  EXPECT_EQ(get<count>("team", one, 0, "other").packets, 17u);
}

TEST_P(ProgramsTest, WhatIsPutBackMeetsTablesThatOthersMadeMeanwhile) {
  make_cube();
  path_.add_cube("other", caller(), hook(), {{"p1", ""}, {"p2", ""}});
  must(path_.apply());
  const MicrocubeId one{Direction::ingress, 1};
  const auto team = [&](const char* cube) { return id_of(must(path_.cube(cube).map("team", one)).table->map()); };
  add("step", 1);
  const auto before = programs().snapshot();
  must(programs().replace(one, code("other")));
  add("other", 1, Direction::ingress, "other");
  ASSERT_EQ(team("c"), team("other"));
  // One of another shape: it cannot go back, and stays as it is.
  const auto refused = programs().put_back(before);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_value);
  for (const char* part :
       {"table team is shared", "ingress program 1 of cube c declares", "ingress program 1 of cube other as"})
    EXPECT_THAT(refused.error().message, HasSubstr(part));
  EXPECT_EQ(team("c"), team("other"));
  EXPECT_EQ(get<wide_count>("team", one).packets, 0u);
  // One of the same shape: it joins.
  must(programs().remove(one));
  must(programs("other").remove(one));
  add("step", 1, Direction::ingress, "other");
  must(programs().put_back(before));
  EXPECT_EQ(team("c"), team("other"));
}

INSTANTIATE_TEST_SUITE_P(Hooks, ProgramsTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv), hook_name);
INSTANTIATE_TEST_SUITE_P(Hooks, ControlPlaneTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
