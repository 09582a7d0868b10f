// SPDX-License-Identifier: Apache-2.0
#include "remote/host_calls.h"

#include <gmock/gmock.h>

namespace polycube::remote {
namespace {

using testing::HasSubstr;

/// A host with a port and a table of one element, that remembers what was asked of it.
class FakeHost : public control::Host {
 public:
  class FakeTable : public control::RawTable {
   public:
    explicit FakeTable(FakeHost& host) : host_(host) { info_.name = "numbers"; }
    [[nodiscard]] const control::TableInfo& info() const override { return info_; }
    [[nodiscard]] Result<std::optional<control::Bytes>> get(std::span<const std::byte> key) const override {
      if (key.empty()) return std::nullopt;
      return control::Bytes{key.begin(), key.end()};
    }
    [[nodiscard]] Result<> set(std::span<const std::byte>, std::span<const std::byte>, std::uint32_t count) override {
      return fail(ErrorCode::limit_exceeded, "no room for {}", count);
    }
    [[nodiscard]] Result<> remove(std::span<const std::byte>, std::uint32_t) override { return {}; }
    [[nodiscard]] Result<Elements> all() const override {
      Elements elements;
      elements.values.resize(host_.table_size);
      elements.count = 1;
      return elements;
    }
    [[nodiscard]] Result<> clear() override { return {}; }
    [[nodiscard]] Result<> push(std::span<const std::byte>) override { return {}; }
    [[nodiscard]] Result<std::optional<control::Bytes>> next(bool) override { return std::nullopt; }
    [[nodiscard]] Result<bool> contains(std::span<const std::byte>) const override { return true; }

   private:
    FakeHost& host_;
    control::TableInfo info_;
  };

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const std::string& uuid() const override { return uuid_; }
  [[nodiscard]] std::vector<control::Port> ports() const override {
    return {{.name = "p",
             .index = 3,
             .up = true,
             .peer = "eth0",
             .device = control::Device{"02::1", 1500, {"1/8"}},
             .parent = {{"ip", "1/8"}}}};
  }
  [[nodiscard]] Result<control::Port> port(std::string_view) const override { return ports().front(); }
  [[nodiscard]] Result<> send_packet_out(std::uint16_t port, std::span<const std::byte> packet, control::Direction,
                                         std::uint32_t) override {
    sent = fmt::format("{} bytes by {}", packet.size(), port);
    return {};
  }
  [[nodiscard]] Result<std::unique_ptr<control::RawTable>> open_table(std::string_view name,
                                                                      const control::Program&) override {
    opened++;
    if (name != "numbers") return fail(ErrorCode::data_missing, "no table {}", name);
    return std::make_unique<FakeTable>(*this);
  }
  [[nodiscard]] Result<control::Hook> hook() const override { return control::Hook::xdp; }
  [[nodiscard]] Result<std::uint16_t> add_program(const control::Code& code, control::Direction direction,
                                                  std::optional<std::uint16_t> index) override {
    changed = fmt::format("add {} {} {}", code.name, direction == control::Direction::egress, index.value_or(0));
    return 7;
  }
  [[nodiscard]] Result<> reload_program(const control::Code& code, const control::Program& program) override {
    changed = fmt::format("reload {}+{} {}", code.tc_object.size(), code.xdp_object.size(), program.index);
    return {};
  }
  [[nodiscard]] Result<> remove_program(const control::Program& program) override {
    return fail(ErrorCode::data_missing, "no program {}", program.index);
  }
  [[nodiscard]] control::Timer every(std::chrono::milliseconds, std::function<void()>) override { return {}; }
  [[nodiscard]] control::Timer after(std::chrono::milliseconds, std::function<void()>) override { return {}; }
  void log(control::LogLevel level, std::string_view text) override {
    logged = fmt::format("{} {}", static_cast<int>(level), text);
  }

  int opened = 0;
  std::size_t table_size = 4;
  std::string sent;
  std::string changed;
  std::string logged;

 private:
  std::string name_ = "cube";
  std::string uuid_ = "8f0e3c34-1b7a-4f3a-9d6b-2a1f0c9e7d55";
};

class HostCalls : public testing::Test {
 protected:
  pb::Reply use(pb::TableCall::Operation operation, const std::string& keys = {},
                const std::string& table = "numbers") {
    pb::TableCall call;
    call.set_table(table);
    call.set_operation(operation);
    call.set_keys(keys);
    return use_table(host, tables, call);
  }
  FakeHost host;
  Tables tables;
};

TEST_F(HostCalls, PortsArriveAsTheyAre) {
  const pb::Reply reply = ports(host);
  ASSERT_EQ(reply.ports_size(), 1);
  EXPECT_EQ(from_message(reply.ports(0)), host.ports().front());
}

TEST_F(HostCalls, NoNumberReachesAnotherPort) {
  pb::PacketOut packet;
  packet.set_packet("1234");
  packet.set_port_index(65536 + 3);
  EXPECT_THAT(send_packet(host, packet).error().message(), HasSubstr("there is no port 65539"));
  EXPECT_EQ(host.sent, "");
  packet.set_port_index(3);
  EXPECT_FALSE(send_packet(host, packet).has_error());
  EXPECT_EQ(host.sent, "4 bytes by 3");
}

TEST_F(HostCalls, ProgramsAreChangedAsTheyAreNamed) {
  pb::ProgramCall call;
  call.mutable_code()->set_name("step");
  call.mutable_program()->set_egress(true);
  call.set_any_index(true);
  EXPECT_EQ(change_program(host, call).count(), 7U);
  EXPECT_EQ(host.changed, "add step true 0");
  call.set_any_index(false);
  call.mutable_program()->set_index(3);
  EXPECT_FALSE(change_program(host, call).has_error());
  EXPECT_EQ(host.changed, "add step true 3");
  call.set_operation(pb::ProgramCall::RELOAD);
  call.mutable_code()->set_tc("12");
  EXPECT_FALSE(change_program(host, call).has_error());
  EXPECT_EQ(host.changed, "reload 2+0 3");
  call.set_operation(pb::ProgramCall::REMOVE);
  EXPECT_EQ(change_program(host, call).error().message(), "no program 3");
  call.set_operation(pb::ProgramCall::HOOK);
  EXPECT_EQ(change_program(host, call).count(), 1U);
  call.mutable_program()->set_index(65536);
  EXPECT_THAT(change_program(host, call).error().message(), HasSubstr("there is no program 65536"));
  call.mutable_program()->set_index(3);
  call.set_operation(static_cast<pb::ProgramCall::Operation>(17));
  EXPECT_THAT(change_program(host, call).error().message(), HasSubstr("no such operation"));
}

TEST_F(HostCalls, ProgramsAreHeldToTheSizeOfOffers) {
  pb::ProgramCall call;
  call.mutable_program()->set_index(3);
  call.set_operation(pb::ProgramCall::RELOAD);
  call.mutable_code()->set_tc(std::string(max_object, 'x'));
  EXPECT_FALSE(change_program(host, call).has_error());
  host.changed = {};
  for (const bool xdp : {false, true}) {
    call.mutable_code()->set_tc(std::string(xdp ? 1 : max_object + 1, 'x'));
    call.mutable_code()->set_xdp(std::string(xdp ? max_object + 1 : 1, 'x'));
    const pb::Reply reply = change_program(host, call);
    EXPECT_EQ(from_message(reply.error()).code, ErrorCode::limit_exceeded);
    EXPECT_THAT(reply.error().message(), HasSubstr("16777217 bytes; 16777216 are allowed"));
  }
  EXPECT_EQ(host.changed, "");
}

TEST_F(HostCalls, TablesAreOpenedFirst) {
  EXPECT_THAT(use(pb::TableCall::GET, "key").error().message(), HasSubstr("has not been opened"));
  EXPECT_THAT(use(pb::TableCall::OPEN, "", "others").error().message(), HasSubstr("no table others"));
  for (int i = 0; i < 3; i++) EXPECT_EQ(use(pb::TableCall::OPEN).table().name(), "numbers");
  EXPECT_EQ(host.opened, 4);  // whoever opens one again may mean that of another program
  EXPECT_EQ(use(pb::TableCall::GET, "key").values(), "key");
  EXPECT_EQ(use(pb::TableCall::GET, "key").count(), 1U);
  EXPECT_EQ(use(pb::TableCall::GET, "").count(), 0U);
  EXPECT_EQ(use(pb::TableCall::CONTAINS).count(), 1U);
  EXPECT_EQ(from_message(use(pb::TableCall::SET).error()).code, ErrorCode::limit_exceeded);
  EXPECT_TRUE(use(static_cast<pb::TableCall::Operation>(77)).has_error());
}

TEST_F(HostCalls, ATableThatNoMessageHoldsIsAnError) {
  (void)use(pb::TableCall::OPEN);
  EXPECT_EQ(use(pb::TableCall::ALL).values().size(), 4U);
  host.table_size = max_message;
  EXPECT_THAT(use(pb::TableCall::ALL).error().message(), HasSubstr("more than a message can hold"));
}

TEST_F(HostCalls, ALineIsOneLineOfAKnownLevel) {
  pb::Line line;
  line.set_level(99);
  line.set_text("one\nanother\x1b[31m");
  log_line(host, line);
  EXPECT_EQ(host.logged, "5 one another [31m");
  line.set_text(std::string(100'000, 'x'));
  log_line(host, line);
  EXPECT_LT(host.logged.size(), 5000U);
}

TEST(Messages, ErrorsKeepTheirKind) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::system); code++)
    EXPECT_EQ(static_cast<int>(from_message(to_message(Error{static_cast<ErrorCode>(code), "m", "p", "d"})).code),
              code);
  for (const std::uint32_t code : {0U, 16U, 0xffffffffU}) {
    pb::Error error;
    error.set_code(code);
    EXPECT_EQ(from_message(error).code, ErrorCode::system);
  }
}

TEST(Messages, ChangesArriveAsTheyAre) {
  const control::Changes changes{{"entry", {"a", "b"}, std::nullopt, control::Leaves{{"x", "1"}}},
                                 {"", {}, control::Leaves{}, std::nullopt},
                                 {"ports", {"p"}, control::Leaves{{"y", ""}}, control::Leaves{}}};
  EXPECT_EQ(from_message(to_message(changes)), changes);
}

TEST(Messages, ATableOfAnUnknownKindIsAnError) {
  pb::Table table;
  table.set_kind(4);
  EXPECT_FALSE(from_message(table));
}

}  // namespace
}  // namespace polycube::remote
