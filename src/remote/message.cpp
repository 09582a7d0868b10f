// SPDX-License-Identifier: Apache-2.0
#include "remote/message.h"

#include <algorithm>
#include <limits>

namespace polycube::remote {

namespace {

constexpr auto last_code = static_cast<std::uint32_t>(ErrorCode::system);
static_assert(static_cast<std::uint32_t>(ErrorCode::malformed_message) == 0 && last_code == 14,
              "control.proto numbers the error codes: new ones come last");

template <typename List>
void fill(google::protobuf::RepeatedPtrField<std::string>& target, const List& list) {
  for (const std::string& text : list) target.Add(std::string(text));
}

void fill(google::protobuf::Map<std::string, std::string>& target, const control::Leaves& leaves) {
  for (const auto& [name, value] : leaves) target[name] = value;
}

}  // namespace

pb::Error to_message(const Error& error) {
  pb::Error message;
  message.set_code(static_cast<std::uint32_t>(error.code) + 1);
  message.set_message(error.message);
  message.set_path(error.path);
  message.set_detail(error.detail);
  return message;
}

Error from_message(const pb::Error& error) {
  const bool known = error.code() >= 1 && error.code() - 1 <= last_code;
  return {known ? static_cast<ErrorCode>(error.code() - 1) : ErrorCode::system, error.message(), error.path(),
          error.detail()};
}

pb::Changes to_message(const control::Changes& changes) {
  pb::Changes message;
  for (const control::Change& change : changes) {
    pb::Change& one = *message.add_changes();
    one.set_node(change.node);
    fill(*one.mutable_keys(), change.keys);
    if (change.before) fill(*one.mutable_before()->mutable_leaves(), *change.before);
    if (change.after) fill(*one.mutable_after()->mutable_leaves(), *change.after);
  }
  return message;
}

control::Changes from_message(const pb::Changes& changes) {
  control::Changes result;
  for (const pb::Change& one : changes.changes()) {
    control::Change change{one.node(), strings_of(one.keys()), std::nullopt, std::nullopt};
    if (one.has_before()) change.before = leaves_of(one.before().leaves());
    if (one.has_after()) change.after = leaves_of(one.after().leaves());
    result.push_back(std::move(change));
  }
  return result;
}

pb::Port to_message(const control::Port& port) {
  pb::Port message;
  message.set_name(port.name);
  message.set_index(port.index);
  message.set_up(port.up);
  message.set_peer(port.peer);
  if (port.device) {
    message.mutable_device()->set_mac(port.device->mac);
    message.mutable_device()->set_mtu(port.device->mtu);
    fill(*message.mutable_device()->mutable_addresses(), port.device->addresses);
  }
  message.mutable_parent()->insert(port.parent.begin(), port.parent.end());
  return message;
}

control::Port from_message(const pb::Port& port) {
  control::Port result{.name = port.name(),
                       .index = static_cast<std::uint16_t>(port.index()),
                       .up = port.up(),
                       .peer = port.peer(),
                       .device = std::nullopt,
                       .parent = leaves_of(port.parent())};
  if (port.has_device())
    result.device = control::Device{port.device().mac(), port.device().mtu(), strings_of(port.device().addresses())};
  return result;
}

pb::Table to_message(const control::TableInfo& table) {
  pb::Table message;
  message.set_name(table.name);
  message.set_kind(static_cast<std::uint32_t>(table.kind));
  message.set_per_cpu(table.per_cpu);
  message.set_cpus(table.cpus);
  message.set_key_size(table.key_size);
  message.set_value_size(table.value_size);
  message.set_max_entries(table.max_entries);
  message.set_key_type(table.key_type);
  message.set_value_type(table.value_type);
  return message;
}

Result<control::TableInfo> from_message(const pb::Table& table) {
  if (table.kind() > static_cast<std::uint32_t>(control::TableInfo::Kind::bloom))
    return fail(ErrorCode::invalid_value, "table {} is of kind {}, which this program does not know", table.name(),
                table.kind());
  return control::TableInfo{.name = table.name(),
                            .kind = static_cast<control::TableInfo::Kind>(table.kind()),
                            .per_cpu = table.per_cpu(),
                            .cpus = table.cpus(),
                            .key_size = table.key_size(),
                            .value_size = table.value_size(),
                            .max_entries = table.max_entries(),
                            .key_type = table.key_type(),
                            .value_type = table.value_type()};
}

pb::Program to_message(const control::Program& program) {
  pb::Program message;
  message.set_egress(program.direction == control::Direction::egress);
  message.set_index(program.index);
  return message;
}

Result<control::Program> from_message(const pb::Program& program) {
  if (program.index() > std::numeric_limits<std::uint16_t>::max())
    return fail(ErrorCode::invalid_value, "there is no program {}", program.index());
  return control::Program{program.egress() ? control::Direction::egress : control::Direction::ingress,
                          static_cast<std::uint16_t>(program.index())};
}

pb::Row to_message(const control::Row& row) {
  pb::Row message;
  fill(*message.mutable_keys(), row.keys);
  fill(*message.mutable_leaves(), row.leaves);
  return message;
}

control::Row from_message(const pb::Row& row) { return {strings_of(row.keys()), leaves_of(row.leaves())}; }

control::Bytes copy_of(const std::string& text) {
  const auto bytes = bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

pb::Reply reply_with(const Error& error) {
  pb::Reply reply;
  *reply.mutable_error() = to_message(error);
  return reply;
}

Result<> check(const pb::Reply& reply) {
  if (!reply.has_error()) return {};
  return tl::unexpected<Error>(from_message(reply.error()));
}

}  // namespace polycube::remote
