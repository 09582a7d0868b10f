// SPDX-License-Identifier: Apache-2.0
#include "remote/host_calls.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "service/turn.h"

namespace polycube::remote {

namespace {

pb::Reply reply_of(const Result<>& result) { return result ? pb::Reply() : reply_with(result.error()); }

pb::Reply reply_of(const Result<std::optional<control::Bytes>>& value) {
  if (!value) return reply_with(value.error());
  pb::Reply reply;
  if (*value) {
    reply.set_count(1);
    reply.set_values(text_of(**value));
  }
  return reply;
}

// Each time anew: what was opened before may be of a program that was replaced.
pb::Reply open(control::Host& host, Tables& tables, const Tables::key_type& key, const pb::TableCall& call) {
  const auto program = from_message(call.program());
  if (!program) return reply_with(program.error());
  auto table = host.open_table(call.table(), *program);
  if (!table) return reply_with(table.error());
  pb::Reply reply;
  *reply.mutable_table() = to_message((*table)->info());
  tables[key] = std::move(*table);
  return reply;
}

pb::Reply all(const control::RawTable& table) {
  const auto elements = table.all();
  if (!elements) return reply_with(elements.error());
  constexpr std::size_t most = max_message - 4096;
  if (elements->keys.size() + elements->values.size() > most)
    return reply_with(
        {ErrorCode::limit_exceeded,
         fmt::format("table {} has {} elements, more than a message can hold", table.info().name, elements->count),
         {},
         {}});
  pb::Reply reply;
  reply.set_keys(text_of(elements->keys));
  reply.set_values(text_of(elements->values));
  reply.set_count(elements->count);
  return reply;
}

}  // namespace

Result<> check_object(const std::string& object) {
  if (object.size() <= max_object) return {};
  return fail(ErrorCode::limit_exceeded, "an object has {} bytes; {} are allowed", object.size(), max_object);
}

pb::Reply ports(control::Host& host) {
  pb::Reply reply;
  for (const control::Port& port : host.ports()) *reply.add_ports() = to_message(port);
  return reply;
}

pb::Reply send_packet(control::Host& host, const pb::PacketOut& packet) {
  if (packet.port_index() > std::numeric_limits<std::uint16_t>::max())
    return reply_with({ErrorCode::invalid_value, fmt::format("there is no port {}", packet.port_index()), {}, {}});
  return reply_of(host.send_packet_out(static_cast<std::uint16_t>(packet.port_index()), bytes_of(packet.packet()),
                                       packet.ingress() ? control::Direction::ingress : control::Direction::egress,
                                       packet.traffic_class()));
}

pb::Reply use_table(control::Host& host, Tables& tables, const pb::TableCall& call) {
  const Tables::key_type key(call.program().egress(), call.program().index(), call.table());
  if (call.operation() == pb::TableCall::OPEN) return open(host, tables, key, call);
  const auto opened = tables.find(key);
  if (opened == tables.end())
    return reply_with({ErrorCode::invalid_value, fmt::format("table {} has not been opened", call.table()), {}, {}});
  control::RawTable& table = *opened->second;
  switch (call.operation()) {
    case pb::TableCall::GET: return reply_of(table.get(bytes_of(call.keys())));
    case pb::TableCall::SET: return reply_of(table.set(bytes_of(call.keys()), bytes_of(call.values()), call.count()));
    case pb::TableCall::REMOVE: return reply_of(table.remove(bytes_of(call.keys()), call.count()));
    case pb::TableCall::ALL: return all(table);
    case pb::TableCall::CLEAR: return reply_of(table.clear());
    case pb::TableCall::PUSH: return reply_of(table.push(bytes_of(call.values())));
    case pb::TableCall::NEXT: return reply_of(table.next(false));
    case pb::TableCall::TAKE: return reply_of(table.next(true));
    case pb::TableCall::CONTAINS: {
      const auto contained = table.contains(bytes_of(call.values()));
      if (!contained) return reply_with(contained.error());
      pb::Reply reply;
      reply.set_count(*contained ? 1 : 0);
      return reply;
    }
    default: break;
  }
  return reply_with({ErrorCode::operation_not_supported, "there is no such operation of a table", {}, {}});
}

pb::Reply change_program(control::Host& host, const pb::ProgramCall& call) {
  const auto program = from_message(call.program());
  if (!program) return reply_with(program.error());
  for (const std::string* object : {&call.code().tc(), &call.code().xdp()})
    if (auto fits = check_object(*object); !fits) return reply_with(fits.error());
  control::Code code = control::Code::from_objects(copy_of(call.code().tc()), copy_of(call.code().xdp()));
  code.name = call.code().name();
  std::optional<service::CommitScope> scope;
  if (call.in_commit()) scope.emplace();
  pb::Reply reply;
  switch (call.operation()) {
    case pb::ProgramCall::ADD: {
      const auto index = host.add_program(
          code, program->direction, call.any_index() ? std::nullopt : std::optional<std::uint16_t>(program->index));
      if (!index) return reply_with(index.error());
      reply.set_count(*index);
      return reply;
    }
    case pb::ProgramCall::RELOAD: return reply_of(host.reload_program(code, *program));
    case pb::ProgramCall::REMOVE: return reply_of(host.remove_program(*program));
    case pb::ProgramCall::HOOK: {
      const auto hook = host.hook();
      if (!hook) return reply_with(hook.error());
      reply.set_count(*hook == control::Hook::tc ? 0 : 1);
      return reply;
    }
    default: break;
  }
  return reply_with({ErrorCode::operation_not_supported, "there is no such operation of a program", {}, {}});
}

void log_line(control::Host& host, const pb::Line& line) {
  constexpr std::size_t longest = 4096;
  constexpr auto last = static_cast<std::uint32_t>(control::LogLevel::critical);
  std::string text = line.text().substr(0, longest);
  // One line: nobody can make up others.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, ' ');
  host.log(static_cast<control::LogLevel>(std::min(line.level(), last)), text);
}

}  // namespace polycube::remote
