// SPDX-License-Identifier: Apache-2.0
#include "remote/remote_host.h"

#include <algorithm>

#include "service/compiler.h"

namespace polycube::remote {

using std::chrono::milliseconds;

Result<pb::Reply> RemoteHost::call(pb::FromService message) const {
  message.set_cube(number_);
  return outbox_.call(std::move(message), std::nullopt);
}

std::vector<control::Port> RemoteHost::ports() const {
  pb::FromService message;
  message.mutable_ports();
  const auto reply = call(std::move(message));
  std::vector<control::Port> ports;
  if (!reply) return ports;
  for (const pb::Port& port : reply->ports()) ports.push_back(from_message(port));
  return ports;
}

Result<control::Port> RemoteHost::port(std::string_view name) const {
  for (const control::Port& port : ports())
    if (port.name == name) return port;
  return fail(ErrorCode::data_missing, "Port {} does not exist", name);
}

Result<> RemoteHost::send_packet_out(std::uint16_t port_index, std::span<const std::byte> packet,
                                     control::Direction direction, std::uint32_t traffic_class) {
  pb::FromService message;
  pb::PacketOut& out = *message.mutable_packet_out();
  out.set_port_index(port_index);
  out.set_packet(text_of(packet));
  out.set_ingress(direction == control::Direction::ingress);
  out.set_traffic_class(traffic_class);
  PCN_TRY(call(std::move(message)));
  return {};
}

void RemoteHost::log(control::LogLevel level, std::string_view text) {
  pb::FromService message;
  message.set_cube(number_);
  message.mutable_line()->set_level(static_cast<std::uint32_t>(level));
  message.mutable_line()->set_text(std::string(text));
  outbox_.post(std::move(message), Outbox<pb::FromService>::Loss::when_full);
}

// ---- programs --------------------------------------------------------------------------------------------------------

namespace {

// The daemon waits for a cube's function as long as its call_deadline, 3 s, in which the answer has to be on its way.
constexpr std::chrono::seconds compile_time{2};

}  // namespace

// What is to be compiled is, here.
Result<pb::Reply> RemoteHost::call(pb::ProgramCall::Operation operation, const control::Program& program,
                                   const control::Code& code, bool any_index) const {
  PCN_TRY(service::check_kind(code));
  control::Code compiled = code;
  if (!code.source.empty()) {
    PCN_ASSIGN(const control::Hook where, hook());
    PCN_ASSIGN(compiled, service::compile(code, where, program, {.headers = {}, .time = compile_time}));
  }
  pb::FromService message;
  pb::ProgramCall& call = *message.mutable_program();
  call.set_operation(operation);
  *call.mutable_program() = to_message(program);
  call.set_any_index(any_index);
  call.set_in_commit(service::CommitScope::active());
  call.mutable_code()->set_name(compiled.name);
  call.mutable_code()->set_tc(text_of(compiled.tc_object));
  call.mutable_code()->set_xdp(text_of(compiled.xdp_object));
  return this->call(std::move(message));
}

Result<control::Hook> RemoteHost::hook() const {
  PCN_ASSIGN(const pb::Reply reply, call(pb::ProgramCall::HOOK, {}, {}, false));
  return reply.count() == 0 ? control::Hook::tc : control::Hook::xdp;
}

Result<std::uint16_t> RemoteHost::add_program(const control::Code& code, control::Direction direction,
                                              std::optional<std::uint16_t> index) {
  const control::Program program{direction, index.value_or(1)};
  PCN_ASSIGN(const pb::Reply reply, call(pb::ProgramCall::ADD, program, code, !index));
  return static_cast<std::uint16_t>(reply.count());
}

Result<> RemoteHost::reload_program(const control::Code& code, const control::Program& program) {
  PCN_TRY(call(pb::ProgramCall::RELOAD, program, code, false));
  return {};
}

Result<> RemoteHost::remove_program(const control::Program& program) {
  PCN_TRY(call(pb::ProgramCall::REMOVE, program, {}, false));
  return {};
}

// ---- tables ----------------------------------------------------------------------------------------------------------

class RemoteHost::RemoteTable : public control::RawTable {
 public:
  RemoteTable(const RemoteHost& host, const control::Program& program, control::TableInfo info)
      : host_(host), program_(program), info_(std::move(info)) {}

  [[nodiscard]] const control::TableInfo& info() const override { return info_; }

  [[nodiscard]] Result<std::optional<control::Bytes>> get(std::span<const std::byte> key) const override {
    return value_of(call(pb::TableCall::GET, key, {}, 1));
  }
  [[nodiscard]] Result<> set(std::span<const std::byte> keys, std::span<const std::byte> values,
                             std::uint32_t count) override {
    PCN_TRY(call(pb::TableCall::SET, keys, values, count));
    return {};
  }
  [[nodiscard]] Result<> remove(std::span<const std::byte> keys, std::uint32_t count) override {
    PCN_TRY(call(pb::TableCall::REMOVE, keys, {}, count));
    return {};
  }
  [[nodiscard]] Result<Elements> all() const override {
    PCN_ASSIGN(const pb::Reply reply, call(pb::TableCall::ALL, {}, {}, 0));
    return Elements{copy_of(reply.keys()), copy_of(reply.values()), reply.count()};
  }
  [[nodiscard]] Result<> clear() override {
    PCN_TRY(call(pb::TableCall::CLEAR, {}, {}, 0));
    return {};
  }
  [[nodiscard]] Result<> push(std::span<const std::byte> value) override {
    PCN_TRY(call(pb::TableCall::PUSH, {}, value, 1));
    return {};
  }
  [[nodiscard]] Result<std::optional<control::Bytes>> next(bool take) override {
    return value_of(call(take ? pb::TableCall::TAKE : pb::TableCall::NEXT, {}, {}, 1));
  }
  [[nodiscard]] Result<bool> contains(std::span<const std::byte> value) const override {
    PCN_ASSIGN(const pb::Reply reply, call(pb::TableCall::CONTAINS, {}, value, 1));
    return reply.count() > 0;
  }

 private:
  [[nodiscard]] Result<pb::Reply> call(pb::TableCall::Operation operation, std::span<const std::byte> keys,
                                       std::span<const std::byte> values, std::uint32_t count) const {
    pb::FromService message;
    pb::TableCall& table = *message.mutable_table();
    table.set_table(info_.name);
    *table.mutable_program() = to_message(program_);
    table.set_operation(operation);
    table.set_keys(text_of(keys));
    table.set_values(text_of(values));
    table.set_count(count);
    return host_.call(std::move(message));
  }

  static Result<std::optional<control::Bytes>> value_of(const Result<pb::Reply>& reply) {
    if (!reply) return tl::unexpected<Error>(reply.error());
    if (reply->count() == 0) return std::nullopt;
    return std::optional<control::Bytes>(copy_of(reply->values()));
  }

  const RemoteHost& host_;
  control::Program program_;
  control::TableInfo info_;
};

Result<std::unique_ptr<control::RawTable>> RemoteHost::open_table(std::string_view name,
                                                                  const control::Program& program) {
  pb::FromService message;
  message.mutable_table()->set_table(std::string(name));
  *message.mutable_table()->mutable_program() = to_message(program);
  message.mutable_table()->set_operation(pb::TableCall::OPEN);
  PCN_ASSIGN(const pb::Reply reply, call(std::move(message)));
  PCN_ASSIGN(control::TableInfo info, from_message(reply.table()));
  return std::make_unique<RemoteTable>(*this, program, std::move(info));
}

// ---- timers ----------------------------------------------------------------------------------------------------------

control::Timer RemoteHost::every(milliseconds interval, std::function<void()> function) {
  interval = std::max(interval, milliseconds(1));
  return service::TurnTimer<Alarm>::start(alarm_, *this, turn_, interval, interval, std::move(function));
}

control::Timer RemoteHost::after(milliseconds delay, std::function<void()> function) {
  return service::TurnTimer<Alarm>::start(alarm_, *this, turn_, std::max(delay, milliseconds(0)), std::nullopt,
                                          std::move(function));
}

}  // namespace polycube::remote
